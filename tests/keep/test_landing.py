"""Between TikTok's answer and the disk: locked, cut off, gone, full; an answer is never lost."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.keep.standins import PATIENCE, Meanwhile, with_provider
from tests.keep.trouble import locked, out_of_reach
from tests.keep.world import World
from webapp import database
from webapp.database import db
from webapp.models import PersonRef
from webapp.services import people
from webapp.services.refresh import answer_store, rescue_file
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.attempt import attempt
from webapp.services.refresh.claims import claim_due
from webapp.services.refresh.on_demand import fresh_access
from webapp.services.refresh.verdicts import Result

pytestmark = pytest.mark.usefixtures("each_database")

on_postgresql = pytest.mark.parametrize(
    "each_database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


def answers(world: World, count: int) -> list[Result]:
    """Refresh so many made-up people at TikTok; nothing of it is stored yet."""
    world.people(count)
    world.make_due()
    claims = claim_due(world.runtime, count, world.clock())
    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(lambda claim: attempt(world.runtime, claim), claims))


def landed(world: World, results: Sequence[Result], patience: float = 60) -> list[bool]:
    """Land in a thread of its own, inside the app's context."""
    with world.app.app_context():
        return store_answers(world.runtime, results, patience)


@pytest.mark.rule(32)
def test_a_locked_database_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 100)
    db.engine.dispose()
    results = answers(world, 20)
    with ThreadPoolExecutor(1) as pool:
        with locked(world.runtime):
            landing_now = pool.submit(landed, world, results)
            threading.Event().wait(1)
            assert not landing_now.done()
        assert landing_now.result(PATIENCE) == [True] * 20
    assert not world.runtime.rescue_file.exists()
    world.assert_in_step(living=20)


@on_postgresql
@pytest.mark.rule(32)
def test_a_connection_that_is_cut_at_commit_costs_nothing(world: World) -> None:
    results = answers(world, 10)
    cut: list[int] = []

    def cut_once(connection: Any) -> None:
        if not cut:
            cut.append(connection.scalar(text("SELECT pg_backend_pid()")))
            with db.engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": cut[0]})

    event.listen(db.engine, "commit", cut_once)
    assert landed(world, results) == [True] * 10
    assert len(cut) == 1
    world.assert_in_step(living=10)


@on_postgresql
@pytest.mark.rule(32)
def test_a_connection_that_is_cut_after_the_commit_costs_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is in, nobody was told, and it is tried again: their own version is in the way."""
    results = answers(world, 10)
    commit = db.engine.dialect.do_commit
    cut: list[object] = []

    def unacknowledged(connection: Any) -> None:
        commit(connection)
        if not cut:
            cut.append(connection)
            connection.close()
            raise db.engine.dialect.loaded_dbapi.OperationalError("cut")

    monkeypatch.setattr(db.engine.dialect, "do_commit", unacknowledged)
    landed(world, results)
    assert cut
    assert world.sandbox.calls("revoke") == 0
    world.assert_in_step(living=10)


@pytest.mark.rule(32)
def test_one_answer_that_cannot_be_written_holds_no_other_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = answers(world, 10)
    poisoned = results[3].claim.user.ref
    really_store = people.store_grant

    def fail(session: Session, person: PersonRef, *rest: Any) -> bool:
        if person == poisoned:
            raise IntegrityError("made up", {}, Exception("made up"))
        return really_store(session, person, *rest)

    monkeypatch.setattr(people, "store_grant", fail)
    began = monotonic()
    assert landed(world, results, patience=0.3) == [True] * 10
    assert monotonic() - began < PATIENCE
    monkeypatch.setattr(people, "store_grant", really_store)
    assert len(world.runtime.rescue_file.read_bytes().strip().splitlines()) == 1
    assert rescue_file.replay(world.runtime).stored == 1
    world.assert_in_step(living=10)


@pytest.mark.rule(32)
def test_where_neither_database_nor_disk_takes_an_answer_it_is_held(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = answers(world, 5)
    refused = threading.Event()

    def full(*_: object) -> None:
        refused.set()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rescue_file, "append", full)
    with ThreadPoolExecutor(1) as pool:
        with out_of_reach(world.runtime, monkeypatch):
            landing_now = pool.submit(landed, world, results, 0)
            assert refused.wait(PATIENCE)
            assert not landing_now.done()
        assert landing_now.result(PATIENCE) == [True] * 5
    world.assert_in_step(living=5)


def test_the_database_is_not_asked_about_a_late_answer_for_ever(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may go away just after the write; then the orphan stays, and landing goes on."""
    world.person()
    world.make_due()
    claim, *_none = claim_due(world.runtime, 1, world.clock())
    result = attempt(world.runtime, claim)
    world.person()

    def gone(*_: object) -> bool:
        raise IntegrityError("made up", {}, Exception("made up"))

    monkeypatch.setattr(answer_store, "_is_connected", gone)
    assert landed(world, [result]) == [False]
    world.assert_in_step(living=1)


@pytest.mark.rule(32)
def test_callers_on_demand_lose_nothing_to_a_locked_database(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = world.people(8)
    all_answered, is_locked = threading.Barrier(9), threading.Event()

    def hold() -> None:
        all_answered.wait(PATIENCE)
        assert is_locked.wait(PATIENCE)

    runtime = with_provider(world.runtime, Meanwhile(world.runtime.provider, after=hold))

    def ask(open_id: str) -> int:
        with world.app.app_context():
            return fresh_access(runtime, open_id, rejected_version=1).version

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, open_id) for open_id in people]
        all_answered.wait(PATIENCE)
        monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 100)
        db.engine.dispose()
        with locked(world.runtime):
            is_locked.set()
            threading.Event().wait(0.5)
        assert [each.result(PATIENCE) for each in asking] == [2] * 8
    world.assert_in_step(living=8)
