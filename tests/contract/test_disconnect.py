"""Disconnecting ends the grant at TikTok, refreshing first where that is needed, and forgets."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.contract.disconnecting import disconnect
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import assert_forgotten, assert_holds_what_tiktok_holds, the_row
from tests.walk import connect


@pytest.fixture
def connected(client: FlaskClient) -> FlaskClient:
    """A browser of a person who has connected."""
    assert connect(client).status_code == 303
    return client


@pytest.mark.rule(40)
@pytest.mark.usefixtures("each_database")
def test_a_fresh_token_is_revoked_without_a_refresh(
    connected: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    assert disconnect(connected).confirmed
    assert_forgotten(the_row(app))
    assert sandbox.counters()["calls"]["revoke"] == {"ok": 1}
    assert sandbox.calls("token.refresh_token") == 0
    assert sandbox.books()[sandbox.open_id("mara")]["ended"] == "revoked"


@pytest.mark.rule(40)
@pytest.mark.usefixtures("each_database")
def test_an_expired_token_is_refreshed_first(
    connected: FlaskClient, app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.expire("mara")
    clock.advance(hours=2)
    assert disconnect(connected).confirmed
    assert_forgotten(the_row(app))
    calls = sandbox.counters()["calls"]
    assert (calls["token.refresh_token"], calls["revoke"]) == ({"ok": 1}, {"ok": 1})
    assert sandbox.books()[sandbox.open_id("mara")]["ended"] == "revoked"


@pytest.mark.rule(40)
def test_a_token_that_tiktok_thinks_expired_is_refreshed_and_revoked(
    connected: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.expire("mara")
    assert disconnect(connected).confirmed
    assert_forgotten(the_row(app))
    calls = sandbox.counters()["calls"]
    assert calls["revoke"] == {"access_token_invalid": 1, "ok": 1}
    assert calls["token.refresh_token"] == {"ok": 1}


@pytest.mark.rule(41)
@pytest.mark.parametrize("body", ["", "{}", "  ", "\n\t", '{"error":{"code":"ok"}}', "{ }"])
def test_an_empty_answer_is_a_yes(
    connected: FlaskClient, app: Flask, sandbox: Sandbox, body: str
) -> None:
    sandbox.faults("revoke", "raw", body=body, after=True)
    assert disconnect(connected).confirmed
    assert_forgotten(the_row(app))


@pytest.mark.rule(40)
def test_a_disconnected_person_is_told_so_and_keeps_their_name(
    connected: FlaskClient, app: Flask
) -> None:
    name = the_row(app).display_name
    page = disconnect(connected).page
    assert "Connect again" in page
    assert 'role="status"' in page
    assert connected.get("/account/export").get_json()["sealed_access_kept"] is False
    assert the_row(app).display_name == name
    assert 'role="status"' not in connected.get("/account").text, "told once"


@pytest.mark.rule(40, 54)
@pytest.mark.usefixtures("each_database")
def test_who_disconnected_can_connect_again(
    connected: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    disconnect(connected)
    assert connect(connected).headers["Location"] == "/connected?kind=again"
    assert the_row(app).status == "active"
    assert_holds_what_tiktok_holds(app, sandbox)


def test_asking_before_disconnecting_changes_nothing(
    connected: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    before = the_row(app).version
    assert connected.get("/account/disconnect").status_code == 200
    assert connected.post("/account/disconnect").status_code == 400
    assert the_row(app).version == before
    assert sandbox.calls("revoke") == 0
