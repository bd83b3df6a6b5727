"""Our trouble and TikTok's: 503 and when to ask again, or the token that still works; never 401."""

import base64
import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import OperationalError

from tests.api.asking import Service, problem
from tests.fixtures.app import MakeApp
from tests.fixtures.database import dispose
from tests.movable import MovableClock
from tests.servers import Sandbox
from webapp.database import db, reading, writing
from webapp.models import Brakes, User
from webapp.problems import Problem
from webapp.services.handout import handout
from webapp.services.installation import binding
from webapp.services.refresh import breaker, on_demand

REFRESH = "token.refresh_token"
OVER = 7200


def pending(answer: object, cause: str) -> int:
    """Return the seconds of Retry-After of what must be a 503 of this cause."""
    said = problem(answer, 503, "refresh_pending")  # type: ignore[arg-type]  # narrowed by the call
    assert said["retryable"]
    assert said["cause"] == cause
    wait = int(answer.headers["Retry-After"])  # type: ignore[attr-defined]  # the same answer
    assert said["retry_after"] == wait
    return wait


@pytest.mark.usefixtures("each_database")
def test_while_tiktok_is_down_there_is_no_token_but_a_time_to_ask_again(
    service: Service, mara: str, sandbox: Sandbox, clock: MovableClock
) -> None:
    clock.advance(seconds=OVER)
    sandbox.faults("token", "http500")
    assert 1 <= pending(service.get(mara), "server_error") <= 60
    assert 1 <= pending(service.get(mara), "server_error") <= 60
    assert sandbox.calls(REFRESH) == 1, "back-off binds callers too"


@pytest.mark.usefixtures("each_database")
def test_a_token_that_still_works_is_given_with_its_true_life(
    service: Service, mara: str, sandbox: Sandbox, clock: MovableClock
) -> None:
    clock.advance(seconds=OVER - 120)
    sandbox.faults("token", "http500")
    answer = service.get(mara)
    assert answer.status_code == 200
    assert answer.json["warnings"] == ["refresh_pending"]
    assert answer.json["expires_in"] == 120
    clock.advance(seconds=119)
    assert service.get(mara).json["expires_in"] == 1
    clock.advance(seconds=1)
    pending(service.get(mara), "server_error")


def test_a_life_that_tiktok_did_not_tell_is_told(
    service: Service, mara: str, sandbox: Sandbox, clock: MovableClock
) -> None:
    clock.advance(seconds=OVER)
    sandbox.faults("token", "answer", answer={"expires_in": "$delete"}, times=1)
    answer = service.get(mara, "min_ttl=10")
    assert answer.json["warnings"] == ["life_unknown"]
    assert answer.json["expires_in"] == 300


@pytest.mark.usefixtures("each_database")
def test_an_open_breaker_is_nobodys_bad_key(
    app: Flask, service: Service, mara: str, sandbox: Sandbox, clock: MovableClock
) -> None:
    clock.advance(seconds=OVER)
    with app.app_context():
        breaker.current(app.extensions["coatcheck"])
        with writing() as session:
            row = session.scalar(select(Brakes))
            assert row is not None
            row.open_reason, row.probe_at = "config", clock() + timedelta(seconds=30)
    assert pending(service.get(mara), "refreshing") == 30
    assert sandbox.calls(REFRESH) == 0


def test_a_copied_database_refreshes_nothing_and_says_when_to_ask_again(
    service: Service,
    mara: str,
    sandbox: Sandbox,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mismatch = Problem("INSTANCE_ID", "another one", "set it")
    monkeypatch.setattr(binding, "mismatch", lambda runtime: mismatch)
    assert service.get(mara).status_code == 200
    clock.advance(seconds=OVER)
    assert 1 <= pending(service.get(mara), "refreshing") <= 60
    assert sandbox.calls(REFRESH) == 0


@pytest.mark.usefixtures("each_database")
def test_a_row_under_another_key_is_our_trouble(
    make_app: MakeApp, service: Service, mara: str
) -> None:
    other = make_app(TOKEN_KEYS=base64.b64encode(secrets.token_bytes(32)).decode())
    mistaken = Service(other.test_client(), service.key)
    assert pending(mistaken.get(mara), "cannot_open") == 30
    assert service.get(mara).status_code == 200


def test_a_database_server_that_is_away_is_our_trouble(make_app: MakeApp, service: Service) -> None:
    pytest.importorskip("psycopg")
    away = make_app(DATABASE_URL="postgresql://nobody@127.0.0.1:9/nothing")
    assert pending(Service(away.test_client(), service.key).get("-x"), "database") == 30


def test_a_database_file_that_is_broken_is_our_trouble(
    app: Flask, service: Service, mara: str, database_url: str
) -> None:
    dispose(app)
    path = Path(str(make_url(database_url).database))
    whole = path.read_bytes()
    path.write_bytes(b"no database" * 1000)
    for extra in path.parent.glob(f"{path.name}-*"):
        extra.unlink()
    assert pending(service.get(mara), "database") == 30
    dispose(app)
    path.write_bytes(whole)


@pytest.mark.usefixtures("each_database")
def test_a_look_that_failed_leaves_no_connection_changed(
    app: Flask, service: Service, mara: str
) -> None:
    def rename(old: str, new: str) -> None:
        with app.app_context(), writing() as session:
            session.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))

    rename("service_keys", "away")
    pending(service.get(mara), "database")
    with app.app_context():
        connection = db.engine.raw_connection()
        assert not getattr(connection.driver_connection, "autocommit", False)
        connection.close()
    rename("away", "service_keys")
    assert service.get(mara).status_code == 200


@pytest.mark.usefixtures("each_database")
def test_a_database_that_goes_away_during_a_refresh_is_our_trouble(
    service: Service, mara: str, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_args: object, **_options: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    clock.advance(seconds=OVER)
    monkeypatch.setattr(on_demand, "fresh_access", away)
    assert pending(service.get(mara), "database") == 30


def test_a_token_is_not_held_back_because_its_use_cannot_be_noted(
    app: Flask, service: Service, mara: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_args: object, **_options: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    monkeypatch.setattr(handout, "writing", locked)
    monkeypatch.setattr(handout.uses, "writing", locked)
    assert service.get(mara).status_code == 200
    with app.app_context(), reading() as session:
        assert session.scalar(select(User.last_used_at)) is None
