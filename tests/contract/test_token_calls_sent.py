"""What TikTok gets to see of us: its own dialect to the letter, from the whole app."""

import json
import socket
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask

from tests.fixtures.app import MakeApp
from tests.forms import the_form
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.tiktok.peer import Peer, Request, answering
from tests.walk import begin, come_back, connect, consent

FORM = ["application/x-www-form-urlencoded"]
CREDENTIALS = {"client_key", "client_secret"}


class Witness(Peer):
    """A TikTok that always says yes and remembers every byte it was sent."""

    def __init__(self) -> None:
        """Listen."""
        super().__init__()
        self.tokens = 0
        self.will(self._answer)

    def _answer(self, request: Request, conn: socket.socket) -> bool:
        body: object = b""
        if request.path == "/v2/oauth/token/":
            self.tokens += 1
            body = {
                "access_token": f"act.made-up-{self.tokens}",
                "refresh_token": f"rft.made-up-{self.tokens}!*",
                "open_id": "made-up-person",
                "expires_in": 7200,
                "refresh_expires_in": 15552000,
                "scope": "user.info.basic",
            }
        elif request.path == "/v2/user/info/":
            user = {"open_id": "made-up-person", "display_name": "Made Up"}
            body = {"data": {"user": user}, "error": {"code": "ok"}}
        return answering(body)(request, conn)


@pytest.fixture
def witness() -> Iterator[Witness]:
    with Witness() as listening:
        yield listening


@pytest.fixture
def app(make_app: MakeApp, witness: Witness) -> Flask:
    """The app; people consent at the sandbox, every other call goes to the witness."""
    return make_app(TIKTOK_API_URL=witness.url)


def disconnect_late(app: Flask, clock: MovableClock) -> None:
    """Connect and, when the access token is over, disconnect: all the calls there are."""
    client = app.test_client()
    assert connect(client).status_code == 303
    clock.advance(hours=3)
    form = the_form(client.get("/account/disconnect").text, "/account/disconnect")
    assert client.post("/account/disconnect", data=form.data()).status_code == 303


@pytest.mark.rule(21, 22, 23)
def test_every_token_call_is_one_bare_form_with_key_and_secret(
    app: Flask, witness: Witness, clock: MovableClock, env: dict[str, str]
) -> None:
    disconnect_late(app, clock)
    calls = [request for request in witness.requests if request.method == "POST"]
    assert [call.target for call in calls] == [
        "/v2/oauth/token/",
        "/v2/oauth/token/",
        "/v2/oauth/revoke/",
    ]
    for call in calls:
        assert call.header("content-type") == FORM
        assert call.header("authorization") == []
        assert call.header("cookie") == []
        names = [name for name, _value in call.form]
        assert len(names) == len(set(names))
        form = dict(call.form)
        assert form["client_key"] == env["TIKTOK_CLIENT_KEY"]
        assert form["client_secret"] == env["TIKTOK_CLIENT_SECRET"]
        assert "client_id" not in form


@pytest.mark.rule(7, 23)
def test_the_exchange_brings_code_verifier_and_the_same_redirect_uri(
    app: Flask, witness: Witness
) -> None:
    client = app.test_client()
    asked = begin(client)
    back = consent(asked)
    come_back(client, back)
    form = dict(witness.requests[0].form)
    assert form.keys() == CREDENTIALS | {"grant_type", "code", "redirect_uri", "code_verifier"}
    assert form["grant_type"] == "authorization_code"
    assert [form["code"]] == parse_qs(urlsplit(back).query)["code"]
    assert [form["redirect_uri"]] == parse_qs(urlsplit(asked).query)["redirect_uri"]


@pytest.mark.rule(24)
def test_a_refresh_brings_exactly_four_parameters(
    app: Flask, witness: Witness, clock: MovableClock
) -> None:
    disconnect_late(app, clock)
    (call,) = [r for r in witness.requests if b"grant_type=refresh_token" in r.body]
    assert dict(call.form).keys() == CREDENTIALS | {"grant_type", "refresh_token"}
    assert dict(call.form)["refresh_token"] == "rft.made-up-1!*"


@pytest.mark.rule(23, 40)
def test_a_revoke_brings_the_newest_access_token(
    app: Flask, witness: Witness, clock: MovableClock
) -> None:
    disconnect_late(app, clock)
    call = witness.requests[-1]
    assert call.path == "/v2/oauth/revoke/"
    assert dict(call.form).keys() == CREDENTIALS | {"token"}
    assert dict(call.form)["token"] == "act.made-up-2"


def test_only_what_spends_a_grant_takes_a_connection_of_its_own(
    app: Flask, witness: Witness, clock: MovableClock
) -> None:
    disconnect_late(app, clock)
    exchange, profile, refresh, revoke = witness.requests
    assert exchange.connection == profile.connection
    assert len({exchange.connection, refresh.connection, revoke.connection}) == 3


@pytest.mark.rule(22, 23, 24)
def test_the_strict_sandbox_has_nothing_to_object_to(
    make_app: MakeApp, sandbox: Sandbox, clock: MovableClock
) -> None:
    disconnect_late(make_app(), clock)
    calls = sandbox.counters()["calls"]
    assert calls == {
        "authorize": {"ok": 1},
        "token.authorization_code": {"ok": 1},
        "user_info": {"ok": 1},
        "token.refresh_token": {"ok": 1},
        "revoke": {"ok": 1},
    }, json.dumps(calls)
