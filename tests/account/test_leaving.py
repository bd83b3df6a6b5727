"""Signing out and deleting an account end with a page that says so."""

import pytest
from flask import Flask

from tests.movable import MovableClock
from tests.services.test_saved_cookies import press, sign_out
from tests.views.reading import Reading
from tests.walk import BrowserLikeClient, connect
from webapp.services.connect import sessions


@pytest.fixture
def here(client: BrowserLikeClient) -> BrowserLikeClient:
    """The browser of someone who has connected."""
    assert connect(client).status_code == 303
    return client


def home(client: BrowserLikeClient) -> Reading:
    return Reading(client.get("/").text)


def delete(client: BrowserLikeClient) -> None:
    ticket = client.get("/account/export").get_json()["ticket"]
    press(client, "/account/delete", "/account/delete", ticket=ticket)


def notices(page: Reading) -> list[str]:
    return [each.text for each in page.all("p") if each.attrs.get("role") in ("status", "alert")]


def test_signing_out_confirms_itself_once(here: BrowserLikeClient) -> None:
    sign_out(here)
    assert notices(home(here)) == ["You're signed out."]
    assert notices(home(here)) == []


def test_signing_out_everywhere_says_so(here: BrowserLikeClient) -> None:
    press(here, "/account/sessions", "/sign-out/everywhere")
    assert notices(home(here)) == ["You're signed out on all devices."]


def test_a_sign_out_that_was_not_stored_is_not_confirmed(
    here: BrowserLikeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "end", lambda _secret: False)
    sign_out(here)
    (said,) = notices(home(here))
    assert said.startswith("You're signed out in this browser, but our database couldn't save")


def test_whoever_deletes_the_account_is_told_goodbye_once(here: BrowserLikeClient) -> None:
    delete(here)
    page = home(here)
    assert page.the("h1") == "Goodbye"
    assert "Your account is deleted." in page.text
    assert home(here).the("h1") == "Connect your TikTok to Coatcheck"


def test_nobody_is_told_goodbye_by_an_address(here: BrowserLikeClient, app: Flask) -> None:
    """Only the browser that has deleted its account is, and not after it has signed in again."""
    delete(here)
    assert home(app.test_client()).the("h1") == "Connect your TikTok to Coatcheck"
    here.get("/terms")
    connect(here)
    assert here.get("/").location == "/account"
    sign_out(here)
    assert home(here).the("h1") == "Connect your TikTok to Coatcheck"


def test_the_account_has_one_sign_out_and_one_way_to_the_others(
    app: Flask, here: BrowserLikeClient, clock: MovableClock
) -> None:
    connect(app.test_client())
    page = Reading(here.get("/account").text)
    targets = [form.attrs["action"] for form in page.all("form")]
    assert [each for each in targets if "sign-out" in each] == ["/sign-out"]
    assert "Manage all 2 devices or sign them out" in page.text
    devices = [
        form.attrs["action"] for form in Reading(here.get("/account/sessions").text).all("form")
    ]
    assert {"/sign-out", "/sign-out/others", "/sign-out/everywhere"} < set(devices)
