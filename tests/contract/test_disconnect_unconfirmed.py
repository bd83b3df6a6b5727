"""Whatever TikTok answers to a revoke, our half is done, and the page says which half worked."""

import base64
import secrets
from functools import partial
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.contract.disconnecting import disconnect
from tests.fixtures.app import MakeApp
from tests.forms import the_form
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import assert_forgotten, rows, the_row
from tests.walk import connect
from webapp.tiktok.transport import Transport


@pytest.fixture
def connected(client: FlaskClient) -> FlaskClient:
    """A browser of a person who has connected."""
    assert connect(client).status_code == 303
    return client


@pytest.mark.rule(40, 42)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("http500", {}),
        ("html", {}),
        ("html", {"status": 502}),
        ("drop", {}),
        ("drop", {"after": True}),
        ("throttle", {}),
        ("redirect", {}),
        ("raw", {"body": "null"}),
        ("raw", {"body": "ok"}),
        ("raw", {"body": "{}", "status": 500}),
        ("raw", {"body": "", "status": 404}),
        ("error200", {"error": "invalid_client"}),
        ("error200", {"error": "invalid_request", "status": 400}),
        ("error200", {"error": "server_error"}),
    ],
)
def test_what_is_no_yes_is_told_and_forgotten_all_the_same(
    connected: FlaskClient, app: Flask, sandbox: Sandbox, kind: str, options: dict[str, Any]
) -> None:
    sandbox.faults("revoke", kind, **options)
    assert not disconnect(connected).confirmed
    assert_forgotten(the_row(app))
    assert sandbox.calls("revoke") == 1
    assert sandbox.counters()["trap_hits"] == 0


@pytest.mark.rule(40)
@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client", "server_error"])
def test_a_refresh_that_fails_on_the_way_is_told_and_forgotten(
    connected: FlaskClient, app: Flask, sandbox: Sandbox, clock: MovableClock, error: str
) -> None:
    sandbox.faults("token", "error200", error=error, grant_type="refresh_token")
    clock.advance(hours=2)
    assert not disconnect(connected).confirmed
    assert_forgotten(the_row(app))
    assert (sandbox.calls("token.refresh_token"), sandbox.calls("revoke")) == (1, 0)


@pytest.mark.rule(40)
def test_who_removed_us_at_tiktok_is_forgotten_here(
    connected: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.deauthorize("mara")
    disconnect(connected)
    assert_forgotten(the_row(app))


@pytest.mark.rule(28, 40)
def test_a_silent_tiktok_is_not_waited_for_for_ever(
    make_app: MakeApp, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.tiktok.provider.Transport", partial(Transport, seconds=1.0))
    app = make_app()
    client = app.test_client()
    connect(client)
    sandbox.faults("revoke", "timeout")
    assert not disconnect(client).confirmed
    assert_forgotten(the_row(app))


@pytest.mark.rule(40)
@pytest.mark.usefixtures("each_database")
def test_a_row_whose_key_is_gone_is_forgotten(
    connected: FlaskClient, make_app: MakeApp, sandbox: Sandbox
) -> None:
    other_key = base64.b64encode(secrets.token_bytes(32)).decode()
    app = make_app(TOKEN_KEYS=other_key)
    client = app.test_client()
    cookie = connected.get_cookie("session")
    assert cookie is not None
    client.set_cookie("session", cookie.value)
    assert not disconnect(client).confirmed
    assert_forgotten(the_row(app))
    assert sandbox.calls("revoke") == 0


@pytest.mark.rule(40)
def test_deleting_tells_which_half_worked_too(
    connected: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.faults("revoke", "http500", times=1)
    for confirmed in (False, True):
        ticket = the_row(app).ticket
        form = the_form(connected.get("/account/delete").text, "/account/delete")
        answer = connected.post("/account/delete", data=form.data(ticket=ticket))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        page = connected.get("/").text
        assert "Your account is deleted" in page
        assert ("TikTok did not confirm" in page) is not confirmed
        assert rows(app) == []
        connect(connected)
