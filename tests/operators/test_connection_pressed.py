"""Refresh now, Test with TikTok, Disconnect: done once, told truly, and seen in the timeline."""

import json
from datetime import timedelta

import pytest
from flask import Flask

from tests.movable import MovableClock
from tests.operators.one import Desk, desk, notice
from tests.servers import Sandbox
from tests.views.reading import Reading
from webapp.services.refresh import on_demand
from webapp.views.http.template_filters import exact

CALL = "token.refresh_token"
ASK = "user_info"


@pytest.fixture
def jo(app: Flask, sandbox: Sandbox) -> Desk:
    """An operator before the connection of someone else."""
    return desk(app, sandbox)


def timeline(page: Reading) -> list[str]:
    """Return the lines of the timeline."""
    start = page.blocks.index("All events in the audit log") + 1
    return page.blocks[start : page.blocks.index("Access", start)]


@pytest.mark.usefixtures("each_database")
def test_a_refresh_is_told_and_stands_once_in_the_timeline(jo: Desk) -> None:
    before = jo.row()
    page = jo.press("refresh")
    after = jo.row()
    assert after.access_expires_at is not None
    assert notice(page) == f"Access was refreshed. It works until {exact(after.access_expires_at)}."
    assert (after.version, jo.sandbox.calls(CALL)) == (before.version + 1, 1)
    lines = timeline(page)
    assert len([line for line in lines if "Refreshed by" in line]) == 1
    assert " ms" in lines[0]


@pytest.mark.usefixtures("each_database")
def test_a_failed_refresh_is_told_with_code_and_log_and_when_again(jo: Desk) -> None:
    jo.sandbox.faults("token", "error200", error="server_error", times=1)
    page = jo.press("refresh")
    row = jo.row()
    assert "TikTok responded with server_error" in notice(page)
    assert row.last_log_id
    assert f"(log {row.last_log_id})" in notice(page)
    assert "Next attempt: " in notice(page)
    assert "Access still works until" in notice(page)
    (line,) = [line for line in timeline(page) if "failed" in line]
    assert "TikTok responded with server_error" in line
    assert f"log {row.last_log_id}" in line


def test_what_only_the_person_can_mend_is_said_so(jo: Desk) -> None:
    jo.mark(status="reconnect", reason="refused")
    assert "send them the reconnect link" in notice(jo.post("refresh"))
    told = notice(jo.post("test"))
    assert told.startswith(
        "Not tested: TikTok wasn't asked. Only the person can fix this: send them"
    )
    assert (jo.sandbox.calls(CALL), jo.sandbox.calls(ASK)) == (0, 0)


def test_a_row_that_cannot_be_opened_names_the_keys(jo: Desk) -> None:
    jo.mark(access_token=jo.row().refresh_token)
    assert "TOKEN_KEYS" in notice(jo.press("test"))
    jo.mark(refresh_token=jo.row().access_token, access_token=None)
    assert jo.sandbox.calls(CALL) == 0


@pytest.mark.audit("connection.tested")
@pytest.mark.usefixtures("each_database")
def test_a_test_asks_tiktok_and_tells_its_time_and_answer(jo: Desk) -> None:
    page = jo.press("test")
    told = notice(page)
    assert told.startswith("TikTok responded in ")
    assert told.endswith(" ms: this is Jo. Access works.")
    assert (jo.sandbox.calls(ASK), jo.sandbox.calls(CALL)) == (1, 0)
    (event,) = jo.events("connection.tested")
    fields = json.loads(event.fields)
    assert (event.ticket, fields["works"], fields["code"]) == (jo.row().ticket, True, "")
    assert isinstance(fields["ms"], int)
    assert "access works" in timeline(page)[0]


def test_a_test_of_what_is_over_refreshes_first(jo: Desk, clock: MovableClock) -> None:
    jo.mark(access_expires_at=clock())
    assert "Access works." in notice(jo.press("test"))
    assert (jo.sandbox.calls(ASK), jo.sandbox.calls(CALL)) == (1, 1)


@pytest.mark.usefixtures("each_database")
def test_a_test_that_does_not_ask_tiktok_says_so_and_why(jo: Desk, clock: MovableClock) -> None:
    """It said that TikTok had answered, and showed the answer of the day before."""
    failed_at = clock()
    jo.sandbox.faults("token", "error200", error="server_error", times=1)
    jo.press("refresh")
    jo.mark(access_expires_at=failed_at, next_at=failed_at + timedelta(days=2))
    clock.advance(days=1)
    before = jo.sandbox.counters()
    told = notice(jo.press("test"))
    assert jo.sandbox.counters() == before
    assert "Not tested: TikTok wasn't asked. Access has expired and the last" in told
    assert f"TikTok responded with server_error (log {jo.row().last_log_id}), " in told
    assert f"{exact(failed_at)}. “Refresh now” tries again." in told
    assert told.endswith(f"Next attempt: {exact(failed_at + timedelta(days=2))}.")
    assert jo.events("connection.tested") == []


def test_a_test_whose_refresh_fails_says_what_tiktok_answered_to_it(
    jo: Desk, clock: MovableClock
) -> None:
    jo.mark(access_expires_at=clock())
    jo.sandbox.faults("token", "error200", error="server_error", times=1)
    told = notice(jo.press("test"))
    assert jo.sandbox.calls(CALL) == 1
    assert told.startswith("It wasn't refreshed: TikTok responded with server_error (log ")


def test_a_test_during_a_refresh_elsewhere_says_so(
    jo: Desk, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_demand, "_pause", lambda _seconds: clock.advance(seconds=6))
    ends = clock() + timedelta(minutes=1)
    jo.mark(access_expires_at=clock(), claim="another", next_at=ends, last_error="server_error")
    told = notice(jo.press("test"))
    assert told.startswith("Not tested: TikTok wasn't asked. It's being refreshed elsewhere")
    assert notice(jo.press("refresh")).startswith("It's being refreshed elsewhere")
    assert (jo.sandbox.calls(CALL), jo.sandbox.calls(ASK)) == (0, 0)


def test_an_access_token_that_tiktok_refuses_is_refreshed_once(jo: Desk) -> None:
    jo.sandbox.expire("jo")
    told = notice(jo.press("test"))
    assert "TikTok refused the stored access" in told
    assert "so it was refreshed. TikTok responded in " in told
    assert (jo.sandbox.calls(ASK), jo.sandbox.calls(CALL)) == (2, 1)
    (event,) = jo.events("connection.tested")
    assert json.loads(event.fields)["code"] == "access_token_invalid"
    assert json.loads(event.fields)["works"] is True


def test_a_token_that_is_refused_twice_is_refreshed_once_only(jo: Desk) -> None:
    jo.sandbox.faults("user_info", "error200", error="access_token_invalid")
    told = notice(jo.press("test"))
    assert "TikTok responded with access_token_invalid" in told
    assert "refused too" in told
    assert (jo.sandbox.calls(ASK), jo.sandbox.calls(CALL)) == (2, 1)


def test_a_grant_that_is_dead_at_tiktok_is_told(jo: Desk) -> None:
    jo.sandbox.deauthorize("jo")
    told = notice(jo.press("test"))
    assert "TikTok responded with access_token_invalid" in told
    assert "Refreshing didn't work either" in told
    (event,) = jo.events("connection.tested")
    assert json.loads(event.fields)["works"] is False


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("error200", {"error": "internal_error"}, "TikTok responded with internal_error (log "),
        ("drop", {}, "the connection to TikTok was lost"),
        ("html", {}, "TikTok's response couldn't be read"),
    ],
)
def test_a_test_that_fails_says_what_tiktok_said(
    jo: Desk, kind: str, options: dict[str, str], said: str
) -> None:
    jo.sandbox.faults("user_info", kind, **options)
    told = notice(jo.press("test"))
    assert said in told
    assert " ms." in told
    assert "Try again later" in told
    assert jo.row().status == "active"


@pytest.mark.usefixtures("each_database")
def test_a_disconnect_asks_first_and_tells_that_tiktok_confirmed(jo: Desk) -> None:
    question = Reading(jo.client.get(f"{jo.address}/disconnect").text)
    assert question.the("h1").endswith("?")
    assert "This can't be undone." in question.text
    assert jo.row().status == "active"
    page = jo.press("disconnect")
    assert notice(page) == "Disconnected. TikTok confirmed it."
    assert (jo.row().status, jo.row().access_token) == ("revoked", None)
    assert "TikTok confirmed" in timeline(page)[0]
    assert "Disconnected. Only the person can reconnect" in page.text


def test_a_disconnect_that_tiktok_does_not_answer_says_so(jo: Desk) -> None:
    jo.sandbox.faults("revoke", "drop")
    told = notice(jo.press("disconnect"))
    assert "the connection to TikTok was lost" in told
    assert "keep notifying TikTok for 24 hours" in told
    assert jo.row().status == "revoking"
    assert "Disconnected here." in notice(jo.post("disconnect"))


def test_a_connection_without_a_token_can_be_put_to_an_end(jo: Desk) -> None:
    jo.mark(status="reconnect", reason="removed_1", access_token=None, refresh_token=None)
    assert "TikTok won't be contacted" in jo.client.get(f"{jo.address}/disconnect").text
    assert (
        notice(jo.press("disconnect"))
        == "Disconnected. There was no token left to revoke, so TikTok wasn't contacted."
    )
    assert jo.sandbox.calls("revoke") == 0
    (event,) = jo.events("connection.revoked")
    assert event.ticket == jo.row().ticket
