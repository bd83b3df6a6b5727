"""What may change between two statements: one test for each window that a reader has found."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from html import unescape
from io import BytesIO
from threading import Event
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from tests.api.asking import Service, problem
from tests.keep.standins import with_provider
from tests.movable import MovableClock
from tests.security.acts import Stage, act, an_open_breaker, in_app, let_access_run_out, sessions_of
from tests.security.meanwhile import Interrupted
from tests.security.newcomers import Slow, again, during, events_of, true_provider
from tests.services import grants
from tests.walk import begin, come_back, consent
from webapp.database import writing
from webapp.models import Status, User
from webapp.services.connect import connect, disconnect, tiktok_webhook, user_info
from webapp.services.maintenance import health
from webapp.services.operators import bulk_order, bulk_work
from webapp.services.people import PersonGone
from webapp.services.refresh import on_demand
from webapp.services.refresh.claims import claim_due
from webapp.services.worker import worker
from webapp.tiktok import webhook
from webapp.tiktok.errors import AccessRefused, TryLater
from webapp.tokens import TokenSet

# ---- messages that lie


def test_a_sign_in_whose_session_is_ended_elsewhere_is_not_told_that_the_account_is_deleted(
    stage: Stage,
) -> None:
    """connected.welcome takes a missing session for a missing account."""
    other = stage.app.test_client()
    callback = consent(begin(other), "jo")
    during(stage, "user_info", lambda: stage.lose_session("jo"))
    answer = come_back(other, callback)
    assert stage.is_there("jo")
    assert "This account was just deleted" not in answer.text


@pytest.mark.parametrize("call", ["revoke", "refresh"])
@pytest.mark.parametrize("name", ["disconnect", "disconnect one"])
def test_who_connects_again_during_a_disconnect_is_not_told_to_be_disconnected(
    stage: Stage, clock: MovableClock, call: str, name: str
) -> None:
    """Outcome of a superseded disconnect: "confirmed", or "our tokens are deleted"."""
    if call == "refresh":
        clock.advance(hours=3)
    path, data = act(name).sent(stage)
    during(stage, call, lambda: again(stage))
    browser = act(name).client(stage)
    answer = browser.post(path, data=data)
    assert stage.row("jo").status == Status.ACTIVE
    assert stage.row("jo").access_token is not None
    told = browser.get(answer.location).text
    assert "Disconnected. TikTok confirmed it." not in told
    assert "our access key is deleted" not in told
    assert "our tokens are deleted" not in told


def test_a_second_press_does_not_hear_that_tiktok_confirmed_what_it_refused(stage: Stage) -> None:
    """disconnect._wait_for_outcome: a row that is gone is taken for a confirmation."""

    class Away(Slow):
        def refresh(self, refresh_token: str) -> TokenSet:
            raise TryLater("http_500", status=500)

    tiktok = Away(AccessRefused("access_token_invalid"))
    runtime, person = with_provider(stage.runtime, tiktok), stage.row("jo").ref
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(in_app, stage, disconnect.delete_person, runtime, person)
        assert tiktok.asked.wait(30)
        looked = Event()
        pause = disconnect._pause

        def pausing(seconds: float) -> None:
            looked.set()
            assert gone.wait(30)
            pause(0)

        gone = Event()
        disconnect._pause = pausing
        try:
            second = pool.submit(in_app, stage, disconnect.disconnect_person, runtime, person)
            assert looked.wait(30)
            tiktok.go.set()
            assert not first.result(30).confirmed
            gone.set()
            with suppress(PersonGone):
                assert not second.result(30).confirmed
        finally:
            gone.set()
            disconnect._pause = pause


def test_a_deletion_that_was_stopped_does_not_tell_the_connected_that_they_are_not(
    stage: Stage,
) -> None:
    """NotErased: "You're disconnected", though they connected again meanwhile."""

    def again_and_out() -> None:
        again(stage)
        stage.lose_session("jo")

    path, data = act("delete").sent(stage)
    during(stage, "revoke", again_and_out)
    stage.person.post(path, data=data)
    assert stage.row("jo").status == Status.ACTIVE
    assert "You're disconnected" not in unescape(stage.person.get("/").text)


def test_an_operator_who_is_removed_during_a_test_is_not_told_that_nothing_was_stored(
    stage: Stage, clock: MovableClock
) -> None:
    """probing.test has refreshed and stored by then; the 404 says that nothing was changed."""
    let_access_run_out(stage, clock)
    path, data = act("test one").sent(stage)
    before = stage.row("jo").version
    during(stage, "user_info", stage.lose_operator)
    answer = stage.operator.post(path, data=data)
    assert answer.status_code == 404
    assert stage.row("jo").version == before + 1
    assert "Nothing was changed and nothing was stored." not in answer.text


def test_an_operator_who_is_removed_during_a_probe_is_not_told_that_nothing_was_stored(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """breaker_probe.probe has written the probe and the audit by then."""
    an_open_breaker(stage)
    true = health._next_open_id

    def first(runtime: Any) -> Any:
        stage.lose_operator()
        return true(runtime)

    monkeypatch.setattr(health, "_next_open_id", first)
    path, data = act("probe").sent(stage)
    before = [e["event"] for e in stage.kept()["audit_events"]]
    answer = stage.operator.post(path, data=data)
    after = [e["event"] for e in stage.kept()["audit_events"]]
    assert after != before
    assert "Nothing was changed and nothing was stored." not in answer.text


def test_a_webhook_that_ends_a_disconnect_counts_as_confirmed(stage: Stage) -> None:
    """order() leaves last_error of a refresh, which _wait_for_outcome takes for a no."""
    with stage.app.app_context(), writing() as session:
        session.execute(update(User).values(last_error="http_503", status="failing"))
    tiktok = Slow()
    runtime, row = with_provider(stage.runtime, tiktok), stage.row("jo")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(in_app, stage, disconnect.disconnect_person, runtime, row.ref)
        assert tiktok.asked.wait(30)
        second = pool.submit(in_app, stage, disconnect.disconnect_person, runtime, row.ref)
        notice = webhook.WebhookEvent(
            client_key=row.client_key,
            event=webhook.REMOVED,
            open_id=row.open_id,
            created_at=int(runtime.clock().timestamp()) + 1,
            reason=1,
        )
        try:
            assert (
                in_app(stage, tiktok_webhook._apply, runtime, notice, runtime.clock()) == "finished"
            )
            assert second.result(30).confirmed
        finally:
            tiktok.go.set()
        assert first.result(30).confirmed


# ---- an act that was begun for one person


def test_a_hand_out_that_was_begun_for_a_deleted_account_refreshes_no_other(
    stage: Stage, service: Service, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """handout.hand_out calls refresh.fresh by the open_id alone."""
    clock.advance(hours=3)
    true = on_demand.fresh_access

    def a_moment_later(*args: Any, **kwargs: Any) -> Any:
        with stage.app.app_context():
            disconnect.delete_person(stage.runtime, stage.row("jo").ref)
            again(stage)
            with writing() as session:
                session.execute(update(User).values(access_expires_at=clock()))
        return true(*args, **kwargs)

    monkeypatch.setattr(on_demand, "fresh_access", a_moment_later)
    problem(service.get(stage.sandbox.open_id("jo")), 404, "not_connected")
    assert "connection.refreshed" not in events_of(stage.app, stage.row("jo").ticket)


def test_a_bulk_disconnect_leaves_a_connection_alone_that_was_stored_after_the_order(
    stage: Stage, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anyone who waits for the lock while something is ordered connects after the order."""
    tokens = grants.given(stage.sandbox, clock(), "jo")
    open_ids = [stage.sandbox.open_id("jo")]
    true = connect.writing

    def after_waiting(**options: bool) -> Any:
        monkeypatch.undo()
        picked = bulk_order.Selection(open_ids=tuple(open_ids))
        bulk_order.create_job(
            stage.runtime, "made-up-job-id", "disconnect", picked, bulk_order.Confirmed()
        )
        clock.advance(seconds=1)
        return true(**options)

    monkeypatch.setattr(connect, "writing", after_waiting)
    with stage.app.app_context():
        connect.connect_person(stage.runtime, tokens, [grants.BASIC], None)
        assert bulk_work.claim_items(stage.runtime, "made-up-job-id", 5) == []
    assert stage.row("jo").status == Status.ACTIVE


def test_a_worker_whose_lease_is_over_leaves_the_end_to_whoever_has_it(
    stage: Stage, clock: MovableClock
) -> None:
    """worker._revoke looks at version and status, not at its own claim."""
    stage.sandbox.faults("revoke", "http500", times=1)
    with stage.app.app_context():
        disconnect.disconnect_person(stage.runtime, stage.row("jo").ref)
        (claim,) = claim_due(stage.runtime, 9, clock.advance(minutes=2))
    clock.advance(seconds=61)
    calls = stage.sandbox.calls("revoke")

    def late() -> None:
        with stage.app.app_context():
            runtime = with_provider(stage.runtime, true_provider(stage))
            worker.Worker(runtime, stage.app.app_context)._revoke(claim)

    true = stage.runtime.provider
    runtime = with_provider(stage.runtime, Interrupted(true, "revoke", late))
    with stage.app.app_context():
        outcome = disconnect.disconnect_person(runtime, stage.row("jo").ref)
    assert outcome.confirmed
    assert stage.sandbox.calls("revoke") == calls + 1
    revoked = [
        json.loads(e["fields"])
        for e in stage.kept()["audit_events"]
        if e["event"] == "connection.revoked"
    ]
    assert [each["confirmed"] for each in revoked] == [True]


# ---- at the door


def test_a_body_is_not_read_past_its_own_length(stage: Stage) -> None:
    """intake reads LARGEST_BODY + 1, which hangs where input does not end there (`flask run`)."""

    class Raw(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            rest = len(self.getvalue()) - self.tell()
            assert size is not None
            assert 0 <= size <= rest, "waits for bytes that never come"
            return super().read(size)

    body = b"theme=dark"
    answer = stage.person.post(
        "/theme",
        environ_overrides={"wsgi.input": Raw(body), "CONTENT_LENGTH": str(len(body))},
        content_type="application/x-www-form-urlencoded",
    )
    assert "form has expired" in answer.text, "no CSRF token, so that is what it says"


def test_a_database_that_is_away_for_the_name_does_not_cost_the_sign_in(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connect and session are committed by then; the browser gets a 500 and neither session."""
    browser = stage.app.test_client()
    callback = consent(begin(browser), "noor")

    def away(*_args: object) -> None:
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    monkeypatch.setattr(user_info, "_store_profile", away)
    answer = come_back(browser, callback)
    assert sessions_of(stage, "noor") == 1
    assert answer.status_code == 303
    assert browser.get("/account").status_code == 200
