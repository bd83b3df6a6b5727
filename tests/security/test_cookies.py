"""Our cookies: what they may be read by, where they go, and how large they may grow."""

import re
from http.cookies import SimpleCookie
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.contract.test_callback_reload import kept
from tests.environment import CALLBACK
from tests.fixtures.app import MakeApp
from tests.forms import the_form
from tests.walk import BrowserLikeClient, begin, come_back, connect, consent

HTTPS = {"TIKTOK_REDIRECT_URI": f"https://app.example{CALLBACK}"}


def cookies(answer: TestResponse) -> list[SimpleCookie]:
    """Return the cookies that an answer sets."""
    return [SimpleCookie(line) for line in answer.headers.getlist("Set-Cookie")]


#: What we set by ourselves: the session, forms, sign-ins in progress, and messages.
OURS = re.compile(r"(__Host-)?(session|notes|csrf-[0-9a-f]{12}|attempt-[0-9a-f]{12})")


def set_on_the_way(client: FlaskClient) -> dict[str, Any]:
    """Connect; return every cookie that was set meanwhile, by name."""
    form = client.get("/connect")
    leaving = client.post("/connect", data=the_form(form.text, "/connect").data())
    answers = [form, leaving, come_back(client, consent(str(leaving.location)))]
    return {name: each for a in answers for found in cookies(a) for name, each in found.items()}


def test_over_http_they_are_for_our_site_and_no_script(client: FlaskClient) -> None:
    found = set_on_the_way(client)
    assert sorted(name.partition("-")[0] for name in found) == [
        *("attempt", "csrf", "notes", "session")
    ]
    for cookie in found.values():
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["domain"]
        assert not cookie["secure"]


def test_over_https_they_are_bound_to_the_host(make_app: MakeApp) -> None:
    client = make_app(**HTTPS).test_client()
    form = client.get("/connect")
    leaving = client.post("/connect", data=the_form(form.text, "/connect").data())
    found = {name: c for a in (form, leaving) for each in cookies(a) for name, c in each.items()}
    assert len(found) == 2
    for name, cookie in found.items():
        assert name.startswith("__Host-")
        assert cookie["secure"]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["domain"]


def test_there_are_no_others(client: FlaskClient) -> None:
    connect(client)
    for path in ("/account", "/connected", "/connect", "/cookies", "/nothing"):
        for found in cookies(client.get(path)):
            assert all(OURS.fullmatch(name) for name in found)


@pytest.mark.rule(9)
def test_they_stay_small_and_few_after_a_hundred_abandoned_sign_ins(
    client: BrowserLikeClient,
) -> None:
    for _ in range(100):
        begin(client)
    found = kept(client)
    assert len([name for name in found if name.startswith("attempt-")]) == 5
    assert sum(len(f"{name}={value}; ") for name, value in found.items()) < 4096
    assert connect(client).status_code == 303


def test_an_http_cookie_is_not_taken_over_https(make_app: MakeApp) -> None:
    client = make_app(**HTTPS).test_client()
    page = client.get("/connect")
    (found,) = cookies(page)
    ((name, cookie),) = found.items()
    other = client.application.test_client()
    other.set_cookie(name.removeprefix("__Host-"), cookie.value, secure=True)
    answer = other.post("/connect", data={"csrf_token": "a"})
    assert "Your browser is blocking cookies" in answer.text


def test_signing_out_takes_it_away(client: FlaskClient) -> None:
    connect(client)
    token = client.get("/account").text.split('name="csrf_token" value="')[1].split('"')[0]
    saved = client.get_cookie("session")
    assert saved is not None
    client.post("/sign-out", data={"csrf_token": token})
    client.set_cookie("session", saved.value)
    assert client.get("/account").status_code == 303
