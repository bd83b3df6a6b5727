"""Two tabs of one browser: what one of them is answered late takes nothing from the other."""

import threading

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.contract.evidence import heading
from tests.contract.test_callback_reload import kept, restore
from tests.fixtures.app import MakeApp
from tests.forms import the_form
from tests.servers import Sandbox
from tests.services.test_disconnect_waits import until
from tests.views.reading import Reading
from tests.walk import BrowserLikeClient, begin, come_back, connect, connect_form, consent


def apply_cookies(client: BrowserLikeClient, answer: TestResponse) -> None:
    """Let a browser keep the cookies of a response that another client object was given."""
    for text in answer.headers.getlist("Set-Cookie"):
        name, _, rest = text.partition("=")
        value = rest.partition(";")[0]
        if value and "Max-Age=0" not in text:
            client.set_cookie(name, value)
        else:
            client.delete_cookie(name)


def a_tab_of(client: BrowserLikeClient) -> BrowserLikeClient:
    """Return a client with the cookies that the browser has now, for a request on its way."""
    tab = client.application.test_client()
    assert isinstance(tab, BrowserLikeClient)
    restore(tab, kept(client))
    return tab


def test_the_form_of_the_first_of_two_tabs_in_a_fresh_browser_works(
    client: BrowserLikeClient,
) -> None:
    """Both pages were asked for without a cookie; the cookies came in order."""
    tabs = [a_tab_of(client), a_tab_of(client)]
    forms = []
    for tab in tabs:
        answer = tab.get("/connect")
        apply_cookies(client, answer)
        forms.append(the_form(answer.text, "/connect"))
    for form in forms:
        assert client.post("/connect", data=form.data()).status_code == 302


def test_two_tabs_that_press_at_the_same_moment_both_finish(client: BrowserLikeClient) -> None:
    sent = connect_form(client).data()
    tabs = [a_tab_of(client), a_tab_of(client)]
    locations = []
    for tab in tabs:
        answer = tab.post("/connect", data=sent)
        apply_cookies(client, answer)
        locations.append(str(answer.location))
    for location in locations:
        assert come_back(client, consent(location)).status_code == 303


def test_a_form_that_is_out_of_date_leads_back_to_itself_with_its_choices(
    make_app: MakeApp,
) -> None:
    app = make_app(
        TIKTOK_OPTIONAL_SCOPES="video.list,user.info.stats",
        RETURN_TO="Studio=https://studio.example/",
    )
    client = app.test_client()
    assert isinstance(client, BrowserLikeClient)
    sent = connect_form(client).data() | {
        "scopes": ["video.list", "nonsense"],
        "another_account": "1",
        "next": "https://studio.example/here",
        "csrf_token": "of another day",
    }
    page = client.post("/connect", data=sent)
    assert (page.status_code, heading(page.text)) == (400, "This form has expired")
    addresses = [a.attrs["href"] for a in Reading(page.text).all("a")]
    back = "/connect?add=video.list&another=1&next=https%3A%2F%2Fstudio.example%2Fhere"
    assert back in addresses


def press_slowly(
    client: BrowserLikeClient, sandbox: Sandbox
) -> tuple[threading.Thread, list[TestResponse]]:
    """Press "Refresh now" in a tab; return while TikTok is thinking."""
    form = the_form(client.get("/account").text, "/sign-out")
    tab = a_tab_of(client)
    answers: list[TestResponse] = []
    sandbox.latency(30, "token", after=True)
    press = threading.Thread(
        target=lambda: answers.append(tab.post("/account/refresh", data=form.data()))
    )
    press.start()
    until(lambda: sandbox.calls("token.refresh_token") == 1)
    sandbox.latency(0)
    return press, answers


def test_a_late_answer_does_not_take_a_sign_in_away(
    client: BrowserLikeClient, sandbox: Sandbox
) -> None:
    connect(client)
    press, answers = press_slowly(client, sandbox)
    location = begin(client)
    sandbox.release()
    press.join(30)
    apply_cookies(client, answers[0])
    assert "/account" in str(answers[0].location)
    assert come_back(client, consent(location)).status_code == 303


def test_a_late_answer_does_not_sign_out_who_has_signed_in_since(
    client: BrowserLikeClient, sandbox: Sandbox
) -> None:
    connect(client)
    press, answers = press_slowly(client, sandbox)
    assert connect(client, "jo", another_account=True).status_code == 303
    client.get("/account")
    sandbox.release()
    press.join(30)
    apply_cookies(client, answers[0])
    assert client.get("/account/export").get_json()["open_id"] == sandbox.open_id("jo")


@pytest.mark.parametrize("name", ["session", "notes"])
def test_a_cookie_under_another_name_is_not_accepted(app: Flask, name: str) -> None:
    client = app.test_client()
    assert isinstance(client, BrowserLikeClient)
    connect(client)
    begin(client)
    cookies = kept(client)
    other = app.test_client()
    other.set_cookie(name, next(text for each, text in cookies.items() if each.startswith("csrf-")))
    assert other.get("/account").location == "/"
    thief = app.test_client()
    thief.set_cookie("notes", cookies["session"])
    assert thief.get("/account").location == "/"
