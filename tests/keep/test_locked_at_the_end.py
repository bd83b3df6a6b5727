"""A database that is locked while TikTok's answer waits for it: nothing is lost at a stop."""

import sqlite3
import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest
import requests
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError

from tests.fixtures.served import Serve
from tests.journeys.http_browser import HttpBrowser
from tests.keep.trouble import locked, out_of_reach
from tests.keep.world import World
from tests.services.grants import given, join
from tests.services.test_disconnect_waits import until
from tests.walk import connect
from webapp import database
from webapp.database import writing
from webapp.services.connect.connect import NotStored
from webapp.services.handout import service_keys
from webapp.services.refresh import rescue_file


@pytest.mark.long
@pytest.mark.rule(32)
def test_a_server_that_is_told_to_stop_puts_the_answer_into_the_rescue_file(
    world: World, serve: Serve
) -> None:
    server = serve()
    browser = HttpBrowser(server.url)
    assert connect(browser).status_code == 303
    browser.close()
    open_id = world.sandbox.open_id("mara")
    key = service_keys.issue("a service", world.clock())
    world.sandbox.latency(2, "token", after=True)

    def ask() -> None:
        requests.post(
            f"{server.url}/api/v1/tokens/{open_id}/refresh",
            json={"rejected_version": 1},
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
        )

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: world.calls() == 1)
    url = make_url(world.runtime.settings.database_url)
    with closing(sqlite3.connect(str(url.database), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(2.5)
        began = time.monotonic()
        assert server.process.stop(seconds=60) == 0
        assert time.monotonic() - began < 40
        other.execute("ROLLBACK")
    asking.join(30)
    assert rescue_file.has_answers(world.runtime)
    assert rescue_file.replay(world.runtime).stored == 1
    world.assert_in_step(living=1)


@pytest.mark.rule(32)
@pytest.mark.usefixtures("each_database")
def test_a_sign_in_that_the_database_does_not_take_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its exchange has ended the grant that is stored, so the new one is the only one."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 100)
    database.db.engine.dispose()
    world.person("mara")
    world.clock.advance(minutes=1)
    again = given(world.sandbox, world.clock(), "mara")
    with monkeypatch.context() as patched:
        patched.setattr("webapp.services.connect.connect._store", fail)
        with pytest.raises(NotStored):
            join(world.runtime, again)
    assert rescue_file.replay(world.runtime).stored == 1
    world.assert_in_step(living=1)


def fail(*_: object) -> None:
    raise OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))


@pytest.mark.rule(32)
@pytest.mark.usefixtures("each_database")
def test_the_grant_of_somebody_new_is_given_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = replace(given(world.sandbox, world.clock(), "jo"), sent_at=world.clock())
    with out_of_reach(world.runtime, monkeypatch), pytest.raises(NotStored):
        join(world.runtime, tokens)
    assert world.sandbox.books()[tokens.open_id]["ended"] == "revoked"
    assert not rescue_file.has_answers(world.runtime)


def test_writers_of_one_process_wait_no_longer_than_for_another(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the last of ten threads would wait ten times as long as a stopping server does."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 300)
    database.db.engine.dispose()
    waited: list[float] = []

    def write() -> None:
        began = time.monotonic()
        with world.app.app_context(), pytest.raises(OperationalError), writing():
            pass
        waited.append(time.monotonic() - began)

    with locked(world.runtime):
        threads = [threading.Thread(target=write) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(waited) == 10
    assert max(waited) < 1.5
