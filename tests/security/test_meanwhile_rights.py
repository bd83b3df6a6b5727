"""A right that is lost between two statements: those who have lost it learn and change nothing."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete, update

from tests.api.asking import Service, problem
from tests.forms import the_form
from tests.movable import MovableClock
from tests.security.acts import Stage, act, an_open_breaker, let_access_run_out
from tests.security.meanwhile import between
from tests.security.newcomers import during
from tests.services import grants
from webapp.database import writing
from webapp.models import Brakes, BrowserSession, User
from webapp.services.handout import service_keys
from webapp.services.operators import export, list_pages
from webapp.services.refresh import breaker, on_demand
from webapp.services.refresh.claims import claim_one


@pytest.fixture
def revoke(stage: Stage, clock: MovableClock) -> Callable[[], None]:
    def revoke() -> None:
        with stage.app.app_context():
            service_keys.revoke("reports", clock())

    return revoke


def test_the_file_of_all_connections_ends_where_the_right_to_it_ends(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """export.pieces lasts for as long as the reader likes: newcomers go to the removed."""
    monkeypatch.setattr(list_pages, "CHUNK_SIZE", 1)
    monkeypatch.setattr(export, "_PIECE_LENGTH", 1)
    answer = stage.operator.get("/operators/tokens.csv", buffered=False)
    pieces = iter(answer.response)
    read = next(pieces)
    stage.lose_operator()
    with stage.app.app_context():
        grants.join(stage.runtime, grants.given(stage.sandbox, stage.runtime.clock(), "noor"))
    with suppress(Exception):  # ending the answer like that would do
        for piece in pieces:
            read += piece
    assert stage.sandbox.open_id("noor").encode() not in read


def end_sessions(stage: Stage) -> None:
    with stage.app.app_context(), writing() as session:
        session.execute(delete(BrowserSession))


def test_a_revoked_key_learns_no_scopes(
    stage: Stage, service: Service, clock: MovableClock, revoke: Callable[[], None]
) -> None:
    """handout.hand_out raises ScopeMissing before it looks at the key again."""
    clock.advance(hours=3)
    during(stage, "refresh", revoke)
    answer = service.get(stage.sandbox.open_id("jo"), "scope=video.list")
    problem(answer, 401, "bad_key")


def test_a_revoked_key_does_not_learn_that_somebody_must_reconnect(
    stage: Stage, service: Service, clock: MovableClock, revoke: Callable[[], None]
) -> None:
    """What fresh_access raises is told to a key that was revoked meanwhile."""
    clock.advance(hours=3)

    def revoke_and_end() -> None:
        revoke()
        with stage.app.app_context(), writing() as session:
            session.execute(
                update(User).values(status="reconnect", reason="refused", version=User.version + 1)
            )

    during(stage, "refresh", revoke_and_end)
    problem(service.get(stage.sandbox.open_id("jo")), 401, "bad_key")


def held_by_a_worker(stage: Stage, open_id: str) -> None:
    with stage.app.app_context():
        assert claim_one(stage.runtime, stage.row("jo").ref, stage.runtime.clock()) is not None


def lose_while_waiting(
    stage: Stage, clock: MovableClock, monkeypatch: pytest.MonkeyPatch, **more: datetime
) -> None:
    """While a request waits for another refresh, let that end and the operator lose the right."""

    def pause(_seconds: float) -> None:
        stage.lose_operator()
        refreshed = {"claim": None, "version": User.version + 1, "refreshed_at": clock(), **more}
        with stage.app.app_context(), writing() as session:
            session.execute(update(User).values(**refreshed))

    monkeypatch.setattr(on_demand, "_pause", pause)


def test_a_press_that_waits_for_another_refresh_writes_nothing_once_the_right_is_lost(
    stage: Stage, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """record_use writes last_used_at without asking for the right."""
    path, data = act("refresh one").sent(stage)
    held_by_a_worker(stage, stage.sandbox.open_id("jo"))
    lose_while_waiting(stage, clock, monkeypatch)
    answer = stage.operator.post(path, data=data)
    assert stage.row("jo").last_used_at is None
    assert answer.status_code == 404


def test_a_test_that_waits_for_another_refresh_asks_nothing_once_the_right_is_lost(
    stage: Stage, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """test_access asks for the right before it waits, and not again before it asks TikTok."""
    let_access_run_out(stage, clock)
    path, data = act("test one").sent(stage)
    held_by_a_worker(stage, stage.sandbox.open_id("jo"))
    ends = clock() + timedelta(hours=2)
    lose_while_waiting(stage, clock, monkeypatch, access_expires_at=ends)
    assert stage.operator.post(path, data=data).status_code == 404
    assert stage.sandbox.calls("user_info") == 0


def test_a_test_that_refreshes_asks_nothing_once_the_right_is_lost(
    stage: Stage, clock: MovableClock
) -> None:
    """The refresh may have taken ten seconds; what follows it is another call to TikTok."""
    let_access_run_out(stage, clock)
    path, data = act("test one").sent(stage)
    during(stage, "refresh", stage.lose_operator)
    assert stage.operator.post(path, data=data).status_code == 404
    assert stage.sandbox.calls("user_info") == 0


@pytest.mark.parametrize("name", ["refresh", "refresh one"])
def test_a_caller_who_lost_the_right_does_not_use_up_the_probe(stage: Stage, name: str) -> None:
    """breaker.permit takes the one probe of 30 s before claim_one asks for the right."""
    an_open_breaker(stage)
    now = stage.runtime.clock()
    with stage.app.app_context(), writing() as session:
        session.execute(update(Brakes).values(probe_at=now))
    path, data = act(name).sent(stage)
    lose = stage.lose_operator if name == "refresh one" else lambda: stage.lose_session("jo")
    between(stage.app, lose)
    act(name).client(stage).post(path, data=data)
    with stage.app.app_context():
        assert breaker.current(stage.runtime).probe_at == now


@pytest.mark.parametrize("lost", ["operator", "session"])
def test_a_new_key_is_not_shown_to_someone_who_has_just_lost_the_right(
    stage: Stage, lost: str
) -> None:
    token = the_form(stage.operator.get("/operators/keys").text, "/operators/keys").data()
    address = stage.operator.post("/operators/keys", data=token | {"name": "studio"}).location
    lose = {"operator": stage.lose_operator, "session": lambda: end_sessions(stage)}[lost]
    between(stage.app, lose)
    answer = stage.operator.get(address)
    assert (answer.status_code, "cck_" in answer.text) == (404, False)
    with stage.app.app_context():
        (key,) = service_keys.list_all()
    assert not key.shown


def test_of_two_tabs_one_shows_the_new_key(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have seen that it waits; the second one's statement finds it shown."""
    token = the_form(stage.operator.get("/operators/keys").text, "/operators/keys").data()
    address = stage.operator.post("/operators/keys", data=token | {"name": "studio"}).location
    monkeypatch.setattr(service_keys, "may_show", lambda _public, _now: True)
    pages = [stage.operator.get(address).text for _ in range(2)]
    assert ["cck_" in page for page in pages] == [True, False]
    assert "can't be shown again here" in pages[1]


@pytest.mark.parametrize("change", ["too late", "revoked"])
def test_a_new_key_that_may_no_longer_be_shown_is_not(
    stage: Stage, clock: MovableClock, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The statement that shows it judges for itself what was true a moment ago."""
    token = the_form(stage.operator.get("/operators/keys").text, "/operators/keys").data()
    address = stage.operator.post("/operators/keys", data=token | {"name": "studio"}).location
    monkeypatch.setattr(service_keys, "may_show", lambda _public, _now: True)
    if change == "revoked":
        with stage.app.app_context():
            service_keys.revoke("studio", clock())
    else:
        clock.advance(seconds=service_keys.SHOWN_WITHIN.total_seconds())
    assert "cck_" not in stage.operator.get(address).text
