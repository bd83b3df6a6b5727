"""No unsafe request acts without the token of its own session; 404 and 405 stay what they are."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.environment import CALLBACK
from tests.forms import the_form
from tests.security.callers import UNSAFE, caller, routes
from tests.servers import Sandbox
from tests.walk import connect_form
from webapp.views.http.guards import access_of


def unsafe_paths(app: Flask) -> list[str]:
    """Return every path that takes an unsafe method from a browser."""
    return [
        path
        for method, endpoint, path in routes(app)
        if method in UNSAFE and access_of(app, endpoint) not in ("service", "tiktok")
    ]


def token_of(client: FlaskClient) -> str:
    """Return the token that a page gave to this browser."""
    return connect_form(client).data()["csrf_token"][0]


def test_there_are_unsafe_routes_to_look_at(app: Flask) -> None:
    assert {"/connect", "/sign-out", "/account/disconnect"} <= set(unsafe_paths(app))


def test_every_unsafe_route_refuses_without_it(app: Flask, sandbox: Sandbox) -> None:
    client = caller(app, sandbox, "operator")
    ticket = the_ticket(client)
    tokens = {"none": {}, "empty": {"csrf_token": ""}, "junk": {"csrf_token": "a.b.c"}}
    tokens["foreign"] = {"csrf_token": token_of(app.test_client())}
    for path in unsafe_paths(app):
        for name, token in tokens.items():
            answer = client.post(path, data={"ticket": ticket, **token})
            assert answer.status_code == 400, f"{path} with {name} token"
            assert "This form has expired" in answer.text
    # The person they were for is still signed in and still connected.
    assert client.get("/operators/tokens").status_code == 200
    assert sandbox.calls("revoke") == 0


def test_the_address_and_foreign_headers_do_not_carry_it(app: Flask, sandbox: Sandbox) -> None:
    client = caller(app, sandbox, "person")
    form = the_form(client.get("/account").text, "/sign-out")
    token = form.data()["csrf_token"][0]
    assert client.post(f"/sign-out?csrf_token={token}").status_code == 400
    assert client.post("/sign-out", headers={"Cookie2": token}).status_code == 400
    assert client.post("/sign-out", json={"csrf_token": token}).status_code == 400
    assert client.post("/sign-out", data={"csrf_token": token}).status_code == 303


def test_a_token_from_before_signing_in_is_dead_after(app: Flask, sandbox: Sandbox) -> None:
    client = app.test_client()
    before = token_of(client)
    from tests.walk import connect

    connect(client)
    assert client.post("/sign-out", data={"csrf_token": before}).status_code == 400


def test_a_browser_without_cookies_is_told_so(client: FlaskClient) -> None:
    answer = client.post("/connect")
    assert answer.status_code == 400
    assert "Your browser is blocking cookies" in answer.text


@pytest.mark.parametrize("method", UNSAFE)
def test_404_and_405_stay_what_they_are(client: FlaskClient, method: str) -> None:
    assert client.open("/nothing/here", method=method).status_code == 404
    wrong = client.open("/privacy", method=method)
    assert wrong.status_code == 405
    assert set(wrong.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert client.open(CALLBACK, method=method).status_code == 405


@pytest.mark.rule(62)
def test_nothing_is_exempt_but_what_brings_credentials_of_its_own(app: Flask) -> None:
    csrf = app.extensions["csrf"]
    assert csrf._exempt_views == {
        "webapp.views.api.tokens.token",
        "webapp.views.api.tokens.refresh",
        "webapp.views.api.tiktok_webhook.receive",
    }
    assert not csrf._exempt_blueprints


def test_no_get_changes_anything(app: Flask, sandbox: Sandbox) -> None:
    client = caller(app, sandbox, "person")
    before = client.get("/account/export").get_json()
    for path in unsafe_paths(app):
        client.get(path, query_string={"ticket": before["ticket"], "confirm": "1"})
    after = client.get("/account/export").get_json()
    # The first download is told in the second one.
    assert after.pop("activity")[1:] == before.pop("activity")
    assert after == before
    assert sandbox.calls("revoke") == 0


def the_ticket(client: FlaskClient) -> str:
    """Return the ticket of the person who is signed in."""
    return str(client.get("/account/export").get_json()["ticket"])
