"""What a connect leaves in the database: one row a person, every mark cleared, room for tokens."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Text, event, inspect, select, update
from sqlalchemy.exc import IntegrityError

from tests.contract.evidence import as_in_the_books, held, row, rows
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.walk import connect
from webapp.database import db, writing
from webapp.models import Status, User

pytestmark = pytest.mark.usefixtures("each_database")

#: Everything that says that a connection does not work, or that someone is at it.
MARKS = ("status", "failures", "last_error", "last_log_id", "claim")
CLEARED = (Status.ACTIVE.value, 0, None, None, None)


def change(app: Flask, **values: Any) -> None:
    """Write these values into every row."""
    with app.app_context(), writing() as session:
        session.execute(update(User).values(**values))


def everything(user: User) -> dict[str, Any]:
    return {column.key: getattr(user, column.key) for column in User.__table__.columns}


@contextmanager
def watched(app: Flask) -> Iterator[list[tuple[Any, ...]]]:
    """Collect what another connection sees of the one row before each commit, and at the end."""
    seen: list[tuple[Any, ...]] = []
    looked_at = [getattr(User, name) for name in (*MARKS, "version", "access_token")]
    with app.app_context():
        engine = db.engine

        def look(_connection: object = None) -> None:
            with engine.connect() as other:
                seen.append(tuple(other.execute(select(*looked_at)).one()))

        event.listen(engine, "commit", look)
        try:
            yield seen
        finally:
            event.remove(engine, "commit", look)
        look()


@pytest.mark.rule(54)
@pytest.mark.parametrize(
    ("status", "target"),
    [
        (Status.RECONNECT, "/connected?kind=again"),
        (Status.REVOKING, "/connected?kind=again"),
        (Status.REVOKED, "/connected?kind=again"),
        (Status.FAILING, "/account"),
    ],
)
def test_connecting_again_clears_every_mark_at_once(
    client: FlaskClient, sandbox: Sandbox, clock: MovableClock, status: Status, target: str
) -> None:
    app = client.application
    connect(client)
    marks = {"failures": 7, "last_error": "invalid_grant", "last_log_id": "x1", "claim": "a worker"}
    change(app, status=status.value, next_at=None, version=41, **marks)
    clock.advance(minutes=3)
    with watched(app) as seen:
        assert connect(client).headers["Location"] == target
    states = list(dict.fromkeys(seen))
    assert len(states) == 2, "nobody ever sees it half cleared"
    assert states[0][:6] == (status.value, 7, "invalid_grant", "x1", "a worker", 41)
    assert states[1][:6] == (*CLEARED, 42)
    user = row(app, sandbox.open_id("mara"))
    assert user.connected_at == user.refreshed_at == clock.now
    assert user.access_expires_at == clock.now + timedelta(hours=2)
    assert user.next_at is not None
    assert clock.now < user.next_at < user.access_expires_at
    assert as_in_the_books(app, sandbox, user.open_id)


@pytest.mark.rule(52)
def test_the_same_open_id_under_another_client_key_is_somebody_else(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    app = client.application
    connect(client)
    change(app, client_key="the key of another app")
    (before,) = map(everything, rows(app))
    answer = connect(app.test_client())
    assert answer.headers["Location"] == "/connected", "here it is a new person"
    theirs, ours = rows(app)
    assert everything(theirs) == before
    assert ours.open_id == theirs.open_id
    assert ours.client_key == sandbox.client_key
    assert ours.ticket != theirs.ticket
    assert connect(app.test_client()).headers["Location"] == "/account"
    assert len(rows(app)) == 2


@pytest.mark.rule(52)
def test_the_same_person_is_one_row_from_every_browser(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    app = client.application
    for _ in range(3):
        assert connect(app.test_client()).status_code == 303
    assert [each.open_id for each in rows(app)] == [sandbox.open_id("mara")]
    assert as_in_the_books(app, sandbox, sandbox.open_id("mara"))
    connect(app.test_client(), "jo")
    with pytest.raises(IntegrityError):
        change(app, open_id=sandbox.open_id("jo"))


@pytest.mark.rule(56)
def test_token_columns_are_text_without_a_bound(app: Flask) -> None:
    with app.app_context():
        columns = {each["name"]: each["type"] for each in inspect(db.engine).get_columns("users")}
    for name in ("access_token", "refresh_token", "scope", "asked_scope", "open_id", "client_key"):
        assert isinstance(columns[name], Text), name
        assert getattr(columns[name], "length", None) is None, name


@pytest.mark.rule(56)
def test_tokens_of_any_length_come_out_as_they_went_in(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    pair = {"access_token": "act." + "a*!" * 11_000, "refresh_token": "rft." + "~b." * 22_000}
    sandbox.faults("token", "answer", answer=pair, times=1)
    sandbox.faults("user_info", "http500")
    assert connect(client).status_code == 303
    tokens = held(client.application, row(client.application, sandbox.open_id("mara")))
    assert tokens.access_token == pair["access_token"]
    assert tokens.refresh_token == pair["refresh_token"]


@pytest.mark.rule(52)
def test_people_of_another_app_are_not_found_by_its_browsers_nor_by_operators(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    connect(client, "jo")
    change(client.application, client_key=f"another-{secrets.token_hex(4)}")
    operator = client.application.test_client()
    connect(operator, "mara")
    with client.application.app_context(), writing() as session:
        mara = User.open_id == sandbox.open_id("mara")
        session.execute(update(User).where(mara).values(operator_since=User.created_at))
    page = operator.get("/operators/tokens")
    assert page.status_code == 200
    assert sandbox.open_id("mara") in page.text
    assert sandbox.open_id("jo") not in page.text
