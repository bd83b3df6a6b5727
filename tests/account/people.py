"""A person before their account page: what they press, what they read, how their row stands."""

from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests.forms import the_form
from tests.views.reading import Reading
from webapp.database import reading, writing
from webapp.models import User


def account(client: FlaskClient) -> Reading:
    """Return the account page as it reads."""
    answer = client.get("/account")
    assert answer.status_code == 200
    return Reading(answer.text)


def notices(page: Reading) -> str:
    """Return what stands above the ticket, except for the heading, in one line."""
    start = page.blocks.index("Sign out") + 1
    number = next(n for n, block in enumerate(page.blocks) if block.startswith("Ticket "))
    # The ticket begins with the initials and the name.
    above = page.blocks[start : number - 2]
    above.remove(page.the("h1"))
    return " ".join(above)


def press(client: FlaskClient, action: str) -> Reading:
    """Press the button of the form on the account page that goes to `action`; read what follows.

    "Renew now" is there only while renewals fail, so a page that was opened then may send it later.
    """
    page = client.get("/account").text
    form = the_form(page, action if f'action="{action}"' in page else "/sign-out")
    answer = client.post(action, data=form.data())
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    return account(client)


def disconnect(client: FlaskClient) -> Reading:
    """Disconnect and read what follows."""
    form = the_form(client.get("/account/disconnect").text, "/account/disconnect")
    assert client.post("/account/disconnect", data=form.data()).status_code == 303
    return account(client)


def the_row(app: Flask) -> User:
    """Return the only row."""
    with app.app_context(), reading() as session:
        return session.scalars(select(User)).one()


def mark(app: Flask, **columns: Any) -> None:
    """Write columns into every row, as a refresh elsewhere would."""
    with app.app_context(), writing() as session:
        session.execute(update(User).values(**columns))
