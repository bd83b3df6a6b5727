"""The one cookie: what it may be read by, where it goes, and how large it may grow."""

from http.cookies import SimpleCookie

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.environment import CALLBACK
from tests.fixtures.app import MakeApp
from tests.walk import begin, connect

HTTPS = {"TIKTOK_REDIRECT_URI": f"https://app.example{CALLBACK}"}


def cookies(answer: TestResponse) -> list[SimpleCookie]:
    """Return the cookies that an answer sets."""
    return [SimpleCookie(line) for line in answer.headers.getlist("Set-Cookie")]


def test_over_http_it_is_for_our_site_and_no_script(client: FlaskClient) -> None:
    for answer in (client.get("/connect"), connect(client)):
        (found,) = cookies(answer)
        cookie = found["session"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["domain"]
        assert not cookie["secure"]


def test_over_https_it_is_bound_to_the_host(make_app: MakeApp) -> None:
    client = make_app(**HTTPS).test_client()
    (found,) = cookies(client.get("/connect"))
    assert list(found) == ["__Host-session"]
    cookie = found["__Host-session"]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert not cookie["domain"]


def test_it_is_the_only_one(client: FlaskClient) -> None:
    connect(client)
    for path in ("/account", "/connected", "/connect", "/cookies", "/nothing"):
        for found in cookies(client.get(path)):
            assert list(found) == ["session"]


@pytest.mark.rule(9)
def test_it_stays_small_after_a_hundred_abandoned_sign_ins(client: FlaskClient) -> None:
    for _ in range(100):
        begin(client)
    cookie = client.get_cookie("session")
    assert cookie is not None
    assert len(f"session={cookie.value}") < 4096
    assert connect(client).status_code == 303


def test_an_http_cookie_is_not_taken_over_https(make_app: MakeApp) -> None:
    client = make_app(**HTTPS).test_client()
    page = client.get("/connect")
    (found,) = cookies(page)
    value = found["__Host-session"].value
    other = client.application.test_client()
    other.set_cookie("session", value, secure=True)
    answer = other.post("/connect", data={"csrf_token": "a"})
    assert "Your browser is blocking cookies" in answer.text


def test_signing_out_takes_it_away(client: FlaskClient) -> None:
    connect(client)
    token = client.get("/account").text.split('name="csrf_token" value="')[1].split('"')[0]
    kept = client.get_cookie("session")
    assert kept is not None
    client.post("/sign-out", data={"csrf_token": token})
    client.set_cookie("session", kept.value)
    assert client.get("/account").status_code == 303
