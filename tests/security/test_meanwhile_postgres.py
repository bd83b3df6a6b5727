"""What may change between two statements on PostgreSQL, where writers wait for rows."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import delete, update

from tests.api.asking import Service
from tests.movable import MovableClock
from tests.security.acts import Stage, act, in_app
from tests.services import grants
from tests.services.test_disconnect_waits import somebody_waits_for_a_lock, until
from webapp.database import writing
from webapp.models import BrowserSession, User
from webapp.services.handout import uses
from webapp.services.maintenance import reseal
from webapp.services.refresh import answer_store
from webapp.services.refresh.claims import claim_one
from webapp.services.refresh.verdicts import Result

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.postgres)])
def each_database(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_page_that_is_asked_for_while_the_session_ends_is_no_500(
    stage: Stage, clock: MovableClock
) -> None:
    """sessions._record_seen: ORM update of a row nobody holds: StaleDataError."""
    clock.advance(minutes=10)
    with stage.app.app_context(), ThreadPoolExecutor(1) as pool:
        with writing() as session:
            session.execute(delete(BrowserSession))
            asked = pool.submit(stage.person.get, "/account")
            until(somebody_waits_for_a_lock)
        answer = asked.result(30)
    assert (answer.status_code, answer.location) == (303, "/")


def test_a_deletion_and_a_hand_out_do_not_wait_in_a_circle(
    stage: Stage,
    service: Service,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """uses.record_use locks service_uses before the person; a deletion the other way round."""
    jo = stage.sandbox.open_id("jo")
    assert service.get(jo).status_code == 200
    clock.advance(minutes=61)
    with stage.app.app_context(), writing() as session:
        far = clock() + timedelta(hours=5)
        session.execute(update(User).values(access_expires_at=far, refreshed_at=clock()))
    true, written, go = uses._upsert_use, Event(), Event()

    def slowly(*args: Any) -> bool:
        ours = true(*args)
        written.set()
        assert go.wait(30)
        return ours

    monkeypatch.setattr(uses, "_upsert_use", slowly)
    path, data = act("delete").sent(stage)
    with stage.app.app_context(), ThreadPoolExecutor(2) as pool:
        asked = pool.submit(service.get, jo)
        assert written.wait(30)
        deleting = pool.submit(lambda: stage.person.post(path, data=data))
        until(somebody_waits_for_a_lock)
        go.set()
        assert asked.result(30).status_code in (200, 404, 409)
        assert deleting.result(30).status_code == 303
    assert not stage.is_there("jo")


def test_resealing_and_landing_do_not_wait_in_a_circle(
    stage: Stage, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """landing locks people in the order of their answers, reseal in the order of their ids."""
    runtime = stage.runtime
    with stage.app.app_context():
        claims = [claim_one(runtime, stage.row(n).ref, clock()) for n in ("jo", "mara")]
    results = [
        Result(each, grants.made_up(clock(), each.user.open_id), clock()) for each in claims if each
    ]
    assert results[0].claim.user.id > results[1].claim.user.id
    rows = [stage.row("mara"), stage.row("jo")]
    sealed = [(row, runtime.vault.resealed(row)) for row in rows]
    true, stored, go = answer_store._store_tokens, Event(), Event()

    def slowly(*args: Any) -> bool:
        done = true(*args)
        if not stored.is_set():
            stored.set()
            assert go.wait(30)
        return done

    monkeypatch.setattr(answer_store, "_store_tokens", slowly)
    with stage.app.app_context(), ThreadPoolExecutor(2) as pool:
        landed = pool.submit(in_app, stage, answer_store.store_answers, runtime, results)
        assert stored.wait(30)
        resealed = pool.submit(in_app, stage, reseal._store, sealed)
        until(somebody_waits_for_a_lock)
        go.set()
        assert landed.result(30) == [True, True]
        resealed.result(30)
