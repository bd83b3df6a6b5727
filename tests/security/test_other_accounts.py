"""An act that was begun for one person never lands on another, whatever happens meanwhile.

In each test jo's account is deleted in the middle of something, and noor, who has never been here,
gets the id of the deleted row. (Ids are never given twice: `tests/models/test_ids.py`. Nothing may
depend on that alone.)
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from threading import Event

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.api.asking import Service, problem
from tests.fixtures.app import MakeApp
from tests.keep.standins import with_provider
from tests.movable import MovableClock
from tests.security.acts import ACTS, Act, Stage, sessions_of, stage_of
from tests.security.meanwhile import Interrupted, as_before, between
from tests.servers import Sandbox
from tests.services import grants
from tests.services.holding import assert_holds_what_tiktok_holds, opened, runtime_of, sha256
from tests.walk import begin, come_back, consent
from webapp.database import reading, writing
from webapp.models import AuditEvent, BulkJob, Status, User
from webapp.services.connect import disconnect, user_info
from webapp.services.handout import service_keys
from webapp.services.operators import bulk, bulk_work
from webapp.services.people import PersonGone
from webapp.services.refresh.claims import claim_due
from webapp.services.runtime import Runtime
from webapp.services.worker import worker
from webapp.tiktok.errors import TryLater
from webapp.tiktok.provider import Provider
from webapp.tokens import TokenSet
from webapp.views.http.runtime import KEY

pytestmark = pytest.mark.usefixtures("each_database")


def true_provider(stage: Stage) -> Provider:
    """Return TikTok without any interruption."""
    provider = stage.runtime.provider
    return provider.true if isinstance(provider, Interrupted) else provider


class Newcomer:
    """Noor, who gets the id of jo's deleted row."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.row: User | None = None

    def __call__(self) -> None:
        """Delete jo's account as jo's other browser would, and let noor connect."""
        stage, gone = self.stage, self.stage.row("jo")
        true = true_provider(stage)
        runtime = with_provider(stage.runtime, true)
        with stage.app.app_context():
            disconnect.delete_person(runtime, gone.ref)
            done = grants.join(runtime, grants.given(stage.sandbox, runtime.clock(), "noor"))
            with writing() as session:
                session.execute(
                    update(User)
                    .where(User.is_(done.person))
                    .values(id=gone.id, display_name="Noor", version=gone.version)
                )
        self.row = stage.row("noor")
        assert self.row.id == gone.id

    def assert_untouched(self) -> None:
        """Fail if anything of noor's has changed since she connected."""
        assert self.row is not None, "nothing happened meanwhile"
        now = self.stage.row("noor")
        columns = [column.key for column in User.__table__.columns if column.key != "history"]
        assert {c: getattr(now, c) for c in columns} == {c: getattr(self.row, c) for c in columns}
        assert sessions_of(self.stage, "noor") == 0
        assert not self.stage.is_there("jo")
        held = opened(self.stage.app, now)
        books = self.stage.sandbox.books()[now.open_id]
        assert books["access_token_sha256"] == sha256(held.access_token), "ended at TikTok"
        assert events_of(self.stage.app, now.ticket) == ["connection.connected"]


def events_of(app: Flask, ticket: str) -> list[str]:
    """Return what the audit tells of one connection."""
    with app.app_context(), reading() as session:
        query = select(AuditEvent.event).where(AuditEvent.ticket == ticket)
        return list(session.scalars(query.order_by(AuditEvent.id)))


@pytest.fixture
def stage(make_app: MakeApp, sandbox: Sandbox) -> Stage:
    return stage_of(make_app(), sandbox)


@pytest.fixture(autouse=True)
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens during a call is over before the call is, so nobody may wait for its answer."""
    monkeypatch.setattr(disconnect, "PATIENCE", 0.1)


@pytest.fixture
def noor(stage: Stage) -> Newcomer:
    return Newcomer(stage)


def during(stage: Stage, call: str, happens: Callable[[], object]) -> None:
    """Let something happen while TikTok works at the next call of one kind."""
    true = stage.runtime.provider
    stage.app.extensions[KEY] = with_provider(stage.runtime, Interrupted(true, call, happens))


def test_a_sign_in_whose_account_is_deleted_signs_nobody_in(stage: Stage, noor: Newcomer) -> None:
    other = stage.app.test_client()
    callback = consent(begin(other), "jo")
    during(stage, "user_info", noor)
    answer = come_back(other, callback)
    assert answer.status_code == 409
    assert "This account was just deleted" in answer.text
    assert other.get("/account").location == "/"
    noor.assert_untouched()
    # Noor's own browser is noor's.
    browser = stage.app.test_client()
    come_back(browser, consent(begin(browser), "noor"))
    assert stage.row("noor").ticket in browser.get("/account").text


def test_a_name_that_comes_too_late_is_nobodys(stage: Stage, noor: Newcomer) -> None:
    during(stage, "user_info", noor)
    with stage.app.app_context():
        user_info.update_profile(stage.runtime, stage.row("jo").ref)
    noor.assert_untouched()


PRESSED = (
    ("refresh", "refresh"),
    ("disconnect", "revoke"),
    ("delete", "revoke"),
    ("refresh one", "refresh"),
    ("test one", "user_info"),
    ("disconnect one", "revoke"),
)


@pytest.mark.parametrize(("name", "call"), PRESSED)
def test_a_button_that_waits_for_tiktok_does_nothing_to_a_newcomer(
    stage: Stage, noor: Newcomer, name: str, call: str
) -> None:
    act = next(act for act in ACTS if act.name == name)
    path, data = act.sent(stage)
    during(stage, call, noor)
    answer = act.client(stage).post(path, data=data)
    assert answer.status_code in (303, 404), answer.status
    noor.assert_untouched()


GETS = ("", "/activity", "/sessions", "/disconnect", "/delete", "/export")


@pytest.mark.parametrize("page", GETS)
def test_a_page_that_is_drawn_a_moment_later_shows_nothing_of_a_newcomer(
    stage: Stage, noor: Newcomer, page: str
) -> None:
    between(stage.app, noor)
    answer = stage.person.get(f"/account{page}")
    as_before(stage.app)
    assert (answer.status_code, answer.location) == (303, "/")
    noor.assert_untouched()


SIGNING_OUT = [act for act in ACTS if act.name.startswith("sign out")]


@pytest.mark.parametrize("act", SIGNING_OUT, ids=lambda act: act.name)
def test_signing_out_a_moment_later_signs_no_newcomer_out(
    stage: Stage, noor: Newcomer, act: Act
) -> None:
    def and_signs_in() -> None:
        noor()
        assert noor.row is not None
        with stage.app.app_context():
            grants.sign_in(stage.runtime, noor.row.ref)

    path, data = act.sent(stage)
    between(stage.app, and_signs_in)
    assert stage.person.post(path, data=data).status_code == 303
    assert sessions_of(stage, "noor") == 1


def test_a_token_that_was_refreshed_for_a_deleted_person_is_not_handed_out(
    stage: Stage, noor: Newcomer, clock: MovableClock
) -> None:
    with stage.app.app_context():
        service = Service(stage.app.test_client(), service_keys.issue("reports", clock()))
    clock.advance(hours=3)
    during(stage, "refresh", noor)
    problem(service.get(stage.sandbox.open_id("jo")), 404, "not_connected")
    noor.assert_untouched()


@pytest.mark.parametrize("act", bulk.ACTS)
def test_a_bulk_job_passes_a_newcomer_over(stage: Stage, noor: Newcomer, act: str) -> None:
    with stage.app.app_context():
        open_ids = [stage.sandbox.open_id("jo")]
        bulk.create_job(stage.runtime, "made-up-job-id", act, "", open_ids)
    noor()
    with stage.app.app_context():
        bulk_work._step(stage.runtime, 1.0)
        bulk_work._step(stage.runtime, 1.0)
        with reading() as session:
            job = session.get_one(BulkJob, "made-up-job-id")
    assert (job.done, job.failed, job.skipped) == (0, 0, 1)
    noor.assert_untouched()


def test_the_worker_does_not_end_a_newcomers_connection(
    stage: Stage, noor: Newcomer, clock: MovableClock
) -> None:
    stage.sandbox.faults("revoke", "http500", times=1)
    with stage.app.app_context():
        disconnect.disconnect_person(stage.runtime, stage.row("jo").ref)
        (claim,) = claim_due(stage.runtime, 9, clock.advance(minutes=2))
        assert claim.user.status == Status.REVOKING
        noor()
        working = worker.Worker(stage.runtime, stage.app.app_context)
        working._revoke(claim)
    noor.assert_untouched()


def test_the_worker_leaves_a_later_disconnect_to_whoever_is_at_it(
    stage: Stage, clock: MovableClock
) -> None:
    stage.sandbox.faults("revoke", "http500", times=2)
    with stage.app.app_context():
        disconnect.disconnect_person(stage.runtime, stage.row("jo").ref)
        (claim,) = claim_due(stage.runtime, 9, clock.advance(minutes=2))
        again(stage)
        disconnect.disconnect_person(stage.runtime, stage.row("jo").ref)
        working = worker.Worker(stage.runtime, stage.app.app_context)
        working._revoke(claim)
    assert stage.sandbox.calls("revoke") == 2


def test_a_use_that_is_written_down_late_is_not_a_newcomers(stage: Stage, noor: Newcomer) -> None:
    from webapp.services.refresh import on_demand

    row = stage.row("jo")
    noor()
    with stage.app.app_context():
        on_demand.record_use(row, stage.runtime.clock())
    noor.assert_untouched()


def again(stage: Stage) -> None:
    """Connect jo again, as jo's other browser would."""
    true = true_provider(stage)
    runtime = with_provider(stage.runtime, true)
    with stage.app.app_context():
        grants.join(runtime, grants.given(stage.sandbox, runtime.clock(), "jo"))


def test_the_answer_to_a_first_disconnect_does_not_wipe_what_a_second_one_waits_for(
    stage: Stage,
) -> None:
    """Disconnect, connect again, disconnect again: TikTok answers the first one last."""

    def and_again() -> None:
        again(stage)
        stage.sandbox.faults("revoke", "http500", times=1)
        assert not second()

    def second() -> bool:
        true = true_provider(stage)
        with stage.app.app_context():
            return disconnect.disconnect_person(
                with_provider(stage.runtime, true), stage.row("jo").ref
            ).forgotten

    during(stage, "revoke", and_again)
    with stage.app.app_context():
        disconnect.disconnect_person(stage.runtime, stage.row("jo").ref)
    row = stage.row("jo")
    assert row.status == Status.REVOKING
    assert row.access_token is not None, "TikTok was never told of the second grant"
    told = events_of(stage.app, row.ticket)
    assert "connection.revoked" not in told


def test_a_refresh_on_the_way_to_a_revoke_leaves_a_new_connection_alone(
    stage: Stage, clock: MovableClock
) -> None:
    clock.advance(hours=3)
    during(stage, "refresh", lambda: again(stage))
    with stage.app.app_context():
        outcome = disconnect.disconnect_person(stage.runtime, stage.row("jo").ref)
    assert (outcome.confirmed, outcome.code) == (False, "connected_again")
    assert stage.row("jo").status == Status.ACTIVE
    assert stage.sandbox.calls("revoke") == 0
    assert_holds_what_tiktok_holds(stage.app, stage.sandbox)


def test_a_refresh_on_the_way_to_a_revoke_that_answers_for_somebody_else_is_refused(
    stage: Stage, clock: MovableClock
) -> None:
    stage.sandbox.faults(
        "token", "answer", grant_type="refresh_token", answer={"open_id": "somebody-else"}
    )
    clock.advance(hours=3)
    with stage.app.app_context():
        outcome = disconnect.disconnect_person(stage.runtime, stage.row("jo").ref)
    assert (outcome.confirmed, outcome.code) == (False, "other_open_id")
    assert stage.sandbox.calls("revoke") == 0
    assert stage.row("jo").access_token is None


class Slow(Provider):
    """Takes its time over a revoke, and remembers how often it was asked."""

    def __init__(self, *answers: Exception | None) -> None:
        self.asked, self.go = Event(), Event()
        self.calls = 0
        self._answers = list(answers)

    def revoke(self, access_token: str) -> None:
        self.calls += 1
        self.asked.set()
        assert self.go.wait(30)
        if self._answers and (answer := self._answers.pop(0)):
            raise answer

    def refresh(self, refresh_token: str) -> TokenSet:
        raise AssertionError("nothing is over")


@pytest.mark.parametrize(
    ("answer", "confirmed", "forgotten"),
    [(None, True, True), (TryLater("http_500", status=500), False, False)],
    ids=["yes", "no answer"],
)
def test_a_second_press_waits_for_what_the_first_one_hears(
    stage: Stage,
    answer: Exception | None,
    confirmed: bool,
    forgotten: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(disconnect, "PATIENCE", 30)
    tiktok = Slow(answer)
    runtime, person = with_provider(stage.runtime, tiktok), stage.row("jo").ref

    def press() -> disconnect.Outcome:
        with stage.app.app_context():
            return disconnect.disconnect_person(runtime, person)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(press)
        assert tiktok.asked.wait(30)
        second = pool.submit(press)
        tiktok.go.set()
        outcomes = [first.result(30), second.result(30)]
    assert [(o.confirmed, o.forgotten) for o in outcomes] == [(confirmed, forgotten)] * 2
    assert tiktok.calls == 1


def test_a_second_press_that_waits_too_long_says_that_we_keep_trying(stage: Stage) -> None:
    tiktok = Slow()
    runtime, person = with_provider(stage.runtime, tiktok), stage.row("jo").ref

    def press() -> disconnect.Outcome:
        with stage.app.app_context():
            return disconnect.disconnect_person(runtime, person)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(press)
        assert tiktok.asked.wait(30)
        assert not press().forgotten
        tiktok.go.set()
        assert first.result(30).confirmed


def test_a_person_who_is_gone_cannot_be_disconnected(stage: Stage) -> None:
    person = stage.row("jo").ref
    with stage.app.app_context():
        runtime: Runtime = runtime_of(stage.app)
        disconnect.delete_person(runtime, person)
        with pytest.raises(PersonGone):
            disconnect.disconnect_person(runtime, person)
        assert disconnect.delete_person(runtime, person).confirmed


def test_signing_out_everywhere_stops_a_deletion_that_waits_for_tiktok(stage: Stage) -> None:
    act = next(act for act in ACTS if act.name == "delete")
    path, data = act.sent(stage)
    during(stage, "revoke", lambda: stage.lose_session("jo"))
    answer = stage.person.post(path, data=data)
    assert (answer.status_code, answer.location) == (303, "/")
    page = unescape(stage.person.get("/").text)
    assert "You're disconnected, but the account still exists." in page
    assert stage.row("jo").status == Status.REVOKED
