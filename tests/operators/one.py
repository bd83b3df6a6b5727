"""An operator before the page of one connection: whom they look at, what they press and read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from tests.forms import the_form
from tests.servers import Sandbox
from tests.views.connections import connection, sign_in
from tests.views.reading import Reading
from webapp.database import reading, writing
from webapp.models import AuditEvent, User
from webapp.services.connect import connect
from webapp.tokens import TokenSet

#: The operator's own number among made-up people.
OWN = 1
OWN_ID = f"open-{OWN:03}"


@dataclass
class Desk:
    """An operator's browser, and the connection of someone else (jo) that they look at."""

    app: Flask
    sandbox: Sandbox
    client: FlaskClient
    open_id: str

    @property
    def address(self) -> str:
        """Return where the page of the connection is."""
        return f"/operators/tokens/{quote(self.open_id, safe='')}"

    def page(self) -> Reading:
        """Return the page as it reads."""
        answer = self.client.get(self.address)
        assert answer.status_code == 200
        return Reading(answer.text)

    def press(self, what: str) -> Reading:
        """Press a button as the page has it, and read what follows."""
        path = self.address + ("/disconnect" if what == "disconnect" else "")
        action = f"{self.address}/{what}"
        form = the_form(self.client.get(path).text, action)
        answer = self.client.post(action, data=form.data())
        assert (answer.status_code, answer.headers["Location"]) == (303, self.address)
        return self.page()

    def post(self, what: str) -> Reading:
        """Send what a button would that the page has no more, and read what follows."""
        form = the_form(self.client.get("/account").text, "/sign-out")
        answer = self.client.post(f"{self.address}/{what}", data=form.data())
        assert answer.status_code == 303
        return self.page()

    def row(self) -> User:
        """Return the row that is looked at."""
        with self.app.app_context(), reading() as session:
            return session.scalars(select(User).where(User.open_id == self.open_id)).one()

    def mark(self, **columns: Any) -> None:
        """Write columns into the row, as a refresh elsewhere would."""
        with self.app.app_context(), writing() as session:
            session.execute(update(User).where(User.open_id == self.open_id).values(**columns))

    def events(self, event: str) -> list[AuditEvent]:
        """Return the audit's events of this name, the oldest first."""
        asked = select(AuditEvent).where(AuditEvent.event == event).order_by(AuditEvent.id)
        with self.app.app_context(), reading() as session:
            return list(session.scalars(asked))


def desk(app: Flask, sandbox: Sandbox, scopes: Sequence[str] = ("user.info.basic",)) -> Desk:
    """Return an operator (mara) before the connection of jo, who allowed less than was asked."""
    said = sandbox.control("grants", person="jo", scopes=list(scopes))
    with app.app_context():
        runtime = app.extensions["coatcheck"]
        now = runtime.clock()
        tokens = TokenSet(
            said["access_token"],
            said["refresh_token"],
            said["open_id"],
            frozenset(scopes),
            now + timedelta(seconds=said["expires_in"]),
            now + timedelta(seconds=said["refresh_expires_in"]),
        )
        asked = [*scopes, "video.list"]
        open_id = connect.connect_person(runtime, tokens, asked, None, now).open_id
    client = app.test_client()
    mara = connection(app, OWN)
    with app.app_context(), writing() as session:
        session.execute(update(User).where(User.id == mara.id).values(operator_since=now))
    sign_in(app, client, mara)
    return Desk(app, sandbox, client, open_id)


def notice(page: Reading) -> str:
    """Return what stands between the head of the page and its heading, in one line."""
    blocks = page.blocks
    start = blocks.index("Sign out") + 1
    end = blocks.index("Connections", start)
    return " ".join(blocks[start:end])
