"""Reconnecting fixes everything in one step, and for the same TikTok account alone."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.account.people import account, mark, notices, the_row
from tests.forms import the_form
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.views.reading import Reading, long_sentences
from tests.walk import come_back, connect, consent

MARKS = {
    "status": "reconnect",
    "reason": "interrupted",
    "failures": 7,
    "last_error": "invalid_grant",
    "last_log_id": "20261122",
    "claim": "somebody",
    "interrupted": True,
    "next_at": None,
}
CLEAN = {
    "status": "active",
    "reason": None,
    "failures": 0,
    "last_error": None,
    "last_log_id": None,
    "claim": None,
    "interrupted": False,
    "ended_at": None,
    "refused_at": None,
    "failing_since": None,
}


def from_the_banner(client: FlaskClient) -> str:
    """Press the banner's button; return the address at TikTok."""
    form = the_form(client.get("/account").text, "/connect")
    assert form.buttons == ["Reconnect TikTok"]
    answer = client.post("/connect", data=form.data())
    assert answer.status_code == 302
    return str(answer.headers["Location"])


@pytest.mark.rule(54)
@pytest.mark.usefixtures("each_database")
def test_reconnecting_clears_every_mark(app: Flask, mara: FlaskClient, clock: MovableClock) -> None:
    mark(app, **MARKS, ended_at=clock(), refused_at=clock())
    clock.advance(hours=1)
    before = the_row(app)
    answer = come_back(mara, consent(from_the_banner(mara)))
    assert answer.headers["Location"] == "/connected?kind=again"
    after = the_row(app)
    assert {name: getattr(after, name) for name in CLEAN} == CLEAN
    assert after.version == before.version + 1
    assert after.connected_at == clock()
    assert after.next_at is not None
    assert after.next_at > clock()
    assert notices(account(mara)) == ""


@pytest.mark.rule(54)
def test_a_mark_that_a_new_column_brings_is_thought_of() -> None:
    from webapp.models import User

    told = {"id", "client_key", "open_id", "union_id", "display_name", "username", "ticket"}
    told |= {"operator_since", "created_at", "connected_at", "last_used_at", "refreshes", "history"}
    told |= {"exchange_sent_at", "refresh_days"}
    grant = {"access_token", "refresh_token", "scope", "asked_scope", "access_expires_at"}
    grant |= {"refresh_expires_at", "refreshed_at", "version", "next_at"}
    assert set(User.__table__.columns.keys()) == told | grant | set(CLEAN), "is it a mark?"


def test_the_banner_asks_again_for_what_was_allowed(
    app: Flask, client: FlaskClient, sandbox: Sandbox
) -> None:
    assert connect(client, scopes=["video.list"]).status_code == 303
    mark(app, status="reconnect", reason="removed_1", scope="", access_token=None)
    come_back(client, consent(from_the_banner(client)))
    assert the_row(app).granted == {"user.info.basic", "video.list"}


def test_nobody_is_asked_again_for_what_they_had_left_off(
    app: Flask, client: FlaskClient, sandbox: Sandbox
) -> None:
    connect(client, grant=["user.info.basic"], scopes=["video.list"])
    mark(app, status="reconnect", reason="refused")
    assert "video.list" not in from_the_banner(client)


@pytest.mark.usefixtures("each_database")
def test_another_account_is_refused_by_both_names(
    app: Flask, mara: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    connect(app.test_client(), "jo")
    clock.advance(minutes=1)
    before = taken(mara)
    answer = come_back(mara, consent(from_the_ending(mara, app), "jo"))
    page = Reading(answer.text)
    assert answer.status_code == 409
    assert page.the("h1") == "That's a different TikTok account"
    assert "You signed in as Jo. This connection belongs to Mara Lindqvist." in page.text
    assert "Nothing was changed and nothing was stored." in page.text
    assert [a.attrs["href"] for a in page.primary] == ["/connect"]
    assert not long_sentences(page)
    mark(app, status="active", reason=None)
    assert taken(mara) == before


def test_another_account_that_nobody_knows_here_stays_nameless_and_is_given_back(
    app: Flask, mara: FlaskClient, sandbox: Sandbox
) -> None:
    answer = come_back(mara, consent(from_the_ending(mara, app), "jo"))
    assert answer.status_code == 409
    told = Reading(answer.text).text
    assert (
        "This connection belongs to Mara Lindqvist. You signed in with a different account." in told
    )
    assert len(app_rows(app)) == 1
    assert sandbox.books()[sandbox.open_id("jo")]["ended"] == "revoked"


def taken(client: FlaskClient) -> dict[str, object]:
    """Return what a person takes along, but for the list that knows of the taking."""
    told: dict[str, object] = client.get("/account/export").get_json()
    del told["activity"]
    return told


def from_the_ending(client: FlaskClient, app: Flask) -> str:
    """Let the connection need its person, and press the banner's button."""
    mark(app, status="reconnect", reason="refused")
    return from_the_banner(client)


def app_rows(app: Flask) -> list[str]:
    """Return everybody's open_id."""
    from sqlalchemy import select

    from webapp.database import reading
    from webapp.models import User

    with app.app_context(), reading() as session:
        return list(session.scalars(select(User.open_id)))
