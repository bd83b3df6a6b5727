"""A cookie that someone saved is dead once its session ended on the server."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.forms import forms, the_form
from tests.movable import MovableClock
from tests.walk import connect


def press(client: FlaskClient, page: str, action: str, **fields: str) -> None:
    """Press the button of a page that posts to `action`; there may be one in head and page."""
    html = client.get(page).text
    form = next(form for form in forms(html) if form.action == action)
    assert client.post(action, data=form.data(**fields)).status_code == 303


def sign_out(client: FlaskClient) -> None:
    press(client, "/account", "/sign-out")


def sign_out_everywhere(client: FlaskClient) -> None:
    press(client, "/account/sessions", "/sign-out/everywhere")


def delete_account(client: FlaskClient) -> None:
    ticket = client.get("/account/export").get_json()["ticket"]
    press(client, "/account/delete", "/account/delete", ticket=ticket)


def sign_in_again(client: FlaskClient) -> None:
    assert connect(client).status_code == 303
    assert client.get("/account").status_code == 200, "the former ends when the new one is used"


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("session")
    return found.value if found else ""


@pytest.mark.parametrize("end", [sign_out, sign_out_everywhere, delete_account, sign_in_again])
def test_a_saved_cookie_is_dead_after(
    client: FlaskClient, end: Callable[[FlaskClient], None]
) -> None:
    connect(client)
    saved = cookie(client)
    assert saved
    thief = client.application.test_client()
    thief.set_cookie("session", saved)
    assert thief.get("/account").status_code == 200
    end(client)
    assert saved != cookie(client)
    thief.set_cookie("session", saved)
    assert thief.get("/account").status_code == 303
    assert thief.get("/account/export").status_code == 303


def test_a_saved_cookie_is_dead_when_its_life_is_over(
    client: FlaskClient, clock: MovableClock
) -> None:
    connect(client)
    assert client.get("/account").status_code == 200
    clock.advance(hours=73)
    assert client.get("/account").status_code == 303


def test_signing_out_everywhere_reaches_the_other_browser(client: FlaskClient) -> None:
    other = client.application.test_client()
    connect(client)
    connect(other)
    sign_out_everywhere(client)
    assert other.get("/account").status_code == 303


def test_a_wrong_ticket_deletes_nothing(client: FlaskClient) -> None:
    connect(client)
    form = the_form(client.get("/account/delete").text, "/account/delete")
    answer = client.post("/account/delete", data=form.data(ticket="ct_WRNG-TCKT"))
    assert answer.status_code == 422
    assert "Type the ticket number" in answer.text
    assert client.get("/account").status_code == 200
