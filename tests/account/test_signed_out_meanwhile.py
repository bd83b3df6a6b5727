"""Signing out other devices also ends the sign-ins that are still under way on them."""

import pytest
from flask import Flask

from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.test_saved_cookies import press
from tests.walk import BrowserLikeClient, begin, come_back, connect, consent
from tests.webhooks.notices import row_of

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def here(app: Flask, clock: MovableClock) -> BrowserLikeClient:
    """The browser in which Mara presses; she is signed in on another device as well."""
    connect(app.test_client())
    client = app.test_client()
    assert connect(client).status_code == 303
    clock.advance(seconds=1)
    return client


def is_signed_in(client: BrowserLikeClient) -> bool:
    return client.get("/account").status_code == 200


@pytest.mark.parametrize("was", ["a stranger to us", "signed in"])
@pytest.mark.parametrize("way", ["everywhere", "others"])
def test_a_sign_in_that_was_under_way_elsewhere_signs_nobody_in(
    app: Flask,
    here: BrowserLikeClient,
    sandbox: Sandbox,
    clock: MovableClock,
    was: str,
    way: str,
) -> None:
    there = app.test_client()
    if was == "signed in":
        connect(there)
    at_tiktok = consent(begin(there))
    clock.advance(seconds=1)
    press(here, "/account/sessions", f"/sign-out/{way}")
    clock.advance(seconds=1)
    answer = come_back(there, at_tiktok)
    assert (answer.status_code, answer.location) == (303, "/")
    assert "You were signed out from another device in the meantime." in there.get("/").text
    assert not is_signed_in(there)
    # TikTok has replaced the tokens, so the new ones are stored.
    assert row_of(app, sandbox.open_id("mara")).status == "active"
    assert is_signed_in(here) == (way == "others")
    assert connect(there).status_code == 303
    assert is_signed_in(there), "a sign-in that begins afterwards works"


def test_a_sign_in_that_began_in_the_same_second_but_afterwards_works(
    app: Flask, here: BrowserLikeClient, clock: MovableClock
) -> None:
    there = app.test_client()
    press(here, "/account/sessions", "/sign-out/everywhere")
    clock.advance(seconds=0.01)
    at_tiktok = consent(begin(there))
    assert come_back(there, at_tiktok).status_code == 303
    assert is_signed_in(there)


def test_the_device_that_pressed_finishes_its_own_sign_in(
    app: Flask, here: BrowserLikeClient, clock: MovableClock
) -> None:
    at_tiktok = consent(begin(here))
    clock.advance(seconds=1)
    press(here, "/account/sessions", "/sign-out/others")
    assert come_back(here, at_tiktok).status_code == 303
    assert is_signed_in(here)


def test_what_others_sign_out_of_ends_nothing_of_mine(
    app: Flask, here: BrowserLikeClient, clock: MovableClock
) -> None:
    there = app.test_client()
    at_tiktok = consent(begin(there), "jo")
    clock.advance(seconds=1)
    press(here, "/account/sessions", "/sign-out/everywhere")
    assert come_back(there, at_tiktok).status_code == 303
    assert is_signed_in(there)
