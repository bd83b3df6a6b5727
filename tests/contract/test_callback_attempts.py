"""Attempts under way: few, small, and each tab's own."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.contract.evidence import callback, heading, question, rows
from tests.contract.test_callback_reload import restore
from tests.fixtures.app import MakeApp
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.walk import BrowserLikeClient, begin, come_back, connect, connect_form, consent
from webapp.tiktok.scopes import BASIC, CATALOGUE

#: What TikTok knows of it: `business.basic` stands in one guide only.
KNOWN = [scope for scope in CATALOGUE if scope != "business.basic"]
#: RFC 6265 §6.1: what a browser keeps of one cookie, name, value and attributes together.
COOKIE_BYTES = 4096


@pytest.fixture
def everything(make_app: MakeApp) -> Flask:
    """An app that offers every scope there is."""
    return make_app(TIKTOK_OPTIONAL_SCOPES=",".join(s for s in CATALOGUE if s != BASIC))


def abandon(client: FlaskClient, times: int) -> list[str]:
    """Press the button so often with everything ticked, and never return; all cookies sent."""
    sent = connect_form(client).data() | {"scopes": list(CATALOGUE)}
    cookies = []
    for _ in range(times):
        answer = client.post("/connect", data=sent)
        assert answer.status_code == 302
        cookies += answer.headers.getlist("Set-Cookie")
    return cookies


def test_a_hundred_abandoned_sign_ins_leave_a_small_cookie_and_the_next_works(
    everything: Flask,
) -> None:
    client = everything.test_client()
    cookies = abandon(client, 100)
    assert max(len(each.encode()) for each in cookies) <= COOKIE_BYTES
    assert connect(client, scopes=KNOWN).status_code == 303


def test_so_do_those_of_somebody_who_is_signed_in(everything: Flask) -> None:
    client = everything.test_client()
    connect(client)
    cookies = abandon(client, 100)
    assert max(len(each.encode()) for each in cookies) <= COOKIE_BYTES
    done = connect(client, scopes=KNOWN)
    assert done.status_code == 303
    assert all(len(each.encode()) <= COOKIE_BYTES for each in done.headers.getlist("Set-Cookie"))


@pytest.mark.rule(9)
def test_of_seven_attempts_the_last_five_may_come_back(client: FlaskClient) -> None:
    states = [question(begin(client))["state"] for _ in range(7)]
    refusals = [callback(("error", "access_denied"), ("state", each)) for each in states]
    assert [client.get(each).status_code for each in refusals] == [400, 400, *[200] * 5]


@pytest.mark.usefixtures("each_database")
def test_two_tabs_both_finish(client: FlaskClient, sandbox: Sandbox) -> None:
    first, second = begin(client), begin(client)
    assert come_back(client, consent(second)).headers["Location"] == "/connected"
    done = come_back(client, consent(first))
    assert (done.status_code, done.headers.get("Location")) == (303, "/account")
    assert client.get("/account").status_code == 200
    assert len(rows(client.application)) == 1
    assert sandbox.counters()["calls"]["token.authorization_code"] == {"ok": 2}


def test_the_second_tab_does_not_swap_the_person(client: FlaskClient, sandbox: Sandbox) -> None:
    first, second = begin(client), begin(client)
    assert come_back(client, consent(first, "mara")).status_code == 303
    refused = come_back(client, consent(second, "jo"))
    assert refused.status_code == 409
    assert "Mara Lindqvist" in client.get("/account").text
    assert [each.open_id for each in rows(client.application)] == [sandbox.open_id("mara")]


def test_who_left_and_did_not_return_is_asked_what_tiktok_showed(
    client: FlaskClient, clock: MovableClock
) -> None:
    asked = "Did TikTok show an error?"
    assert asked not in client.get("/connect").text
    begin(client)
    clock.advance(minutes=29)
    assert asked in client.get("/connect").text
    clock.advance(minutes=2)
    assert asked not in client.get("/connect").text


def test_a_post_without_a_cookie_is_told_before_leaving(client: BrowserLikeClient) -> None:
    sent = connect_form(client).data()
    restore(client, {})
    answer = client.post("/connect", data=sent)
    assert answer.status_code == 400
    assert heading(answer.text) == "Your browser is blocking cookies"
