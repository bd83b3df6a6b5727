"""An act that was begun for one person never lands on another, whatever happens meanwhile.

In each test jo's account is deleted in the middle of something, and noor, who has never been here,
gets the id of the deleted row. (Ids are never given twice: `tests/models/test_ids.py`. Nothing may
depend on that alone.)
"""

import pytest

from tests.api.asking import Service, problem
from tests.movable import MovableClock
from tests.security.acts import ACTS, Act, Stage, sessions_of
from tests.security.meanwhile import as_before, between
from tests.security.newcomers import Newcomer, again, during
from tests.services import grants
from tests.walk import begin, come_back, consent
from webapp.database import reading
from webapp.models import BulkJob, Status
from webapp.services.connect import disconnect, user_info
from webapp.services.handout import service_keys
from webapp.services.operators import bulk_order, bulk_work
from webapp.services.refresh.claims import claim_due
from webapp.services.worker import worker

pytestmark = pytest.mark.usefixtures("each_database", "short_patience")


@pytest.fixture
def noor(stage: Stage) -> Newcomer:
    return Newcomer(stage)


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


@pytest.mark.parametrize("act", bulk_order.ACTS)
def test_a_bulk_job_passes_a_newcomer_over(stage: Stage, noor: Newcomer, act: str) -> None:
    with stage.app.app_context():
        open_ids = [stage.sandbox.open_id("jo")]
        picked = bulk_order.Selection(open_ids=tuple(open_ids))
        bulk_order.create_job(stage.runtime, "made-up-job-id", act, picked, bulk_order.Confirmed())
    noor()
    with stage.app.app_context():
        bulk_work.claim_items(stage.runtime, "made-up-job-id", 5)
        bulk_work.step(stage.runtime)
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
