"""Disconnects that meet: the answer to one decides about nothing that another has made."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import pytest

from tests.keep.standins import with_provider
from tests.movable import MovableClock
from tests.security.acts import ACTS, Stage
from tests.security.newcomers import Slow, again, during, events_of, true_provider
from tests.services.holding import assert_holds_what_tiktok_holds, runtime_of
from webapp.models import Status
from webapp.services.connect import disconnect
from webapp.services.people import PersonGone
from webapp.services.runtime import Runtime
from webapp.tiktok.errors import TryLater

pytestmark = pytest.mark.usefixtures("each_database", "short_patience")


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


def presses(stage: Stage, tiktok: Slow) -> Callable[[], disconnect.Outcome]:
    """Return what disconnects jo, as often as it is called; TikTok answers as `tiktok` does."""
    runtime, person = with_provider(stage.runtime, tiktok), stage.row("jo").ref

    def press() -> disconnect.Outcome:
        with stage.app.app_context():
            return disconnect.disconnect_person(runtime, person)

    return press


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
    press = presses(stage, tiktok)

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
    press = presses(stage, tiktok)

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
