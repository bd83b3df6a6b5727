"""What a sign-in writes: its state, then everything at once, and a profile only if it changed."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from tests.movable import MovableClock
from tests.services.grants import join, made_up
from tests.services.holding import runtime_of, the_row
from tests.walk import begin, come_back, consent
from webapp.database import db
from webapp.models import PersonRef
from webapp.services.connect.disconnect import disconnect_person
from webapp.services.connect.user_info import update_profile
from webapp.services.runtime import Runtime
from webapp.tiktok.profile import Profile
from webapp.tiktok.provider import Provider


@pytest.fixture
def written(app: Flask) -> Iterator[list[str]]:
    """The tables that are written, and the commits between them."""
    found: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        words = statement.split()
        if words[0] in ("INSERT", "UPDATE", "DELETE"):
            found.append(words[1] if words[0] == "UPDATE" else words[2])

    def commit(_connection: object) -> None:
        found.append("commit")

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    event.listen(engine, "commit", commit)
    yield found
    event.remove(engine, "commit", commit)
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.usefixtures("each_database")
def test_one_transaction_after_the_exchange_and_one_for_a_new_profile(
    app: Flask, client: FlaskClient, written: list[str]
) -> None:
    grant = ["browser_sessions", "spent_states", "audit_events", "audit_chain", "commit"]
    # The first event of a database also creates the row of the chain.
    with app.app_context():
        join(runtime_of(app), made_up(runtime_of(app).clock(), "somebody-else"))
    newcomer, profile = ["users", "name_words"], ["users", "name_words", "name_words", "commit"]
    for again, whole in ((False, [*newcomer, *grant, *profile]), (True, ["users", *grant])):
        browser = app.test_client() if again else client
        callback = consent(begin(browser))
        written.clear()
        assert come_back(browser, callback).status_code == 303
        start = written.index("commit") + 1
        assert set(written[:start]) == {"spent_states", "commit"}
        assert written[start:] == whole


class Meanwhile(Provider):
    """TikTok, which answers with a name after something else has happened."""

    def __init__(self, happens: Any) -> None:
        self._happens = happens

    def user_info(self, access_token: str, *, open_id: str, scopes: object) -> Profile:
        self._happens()
        return Profile(open_id, display_name="Made-up Name")

    def revoke(self, access_token: str) -> None:
        """Answer that it is done."""


@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize(
    ("happens", "stored"),
    [("nothing", "Made-up Name"), ("a later connect", None), ("a disconnect", None)],
)
@pytest.mark.parametrize("from_sign_in", [True, False])
def test_a_profile_is_written_for_the_version_it_was_fetched_with(
    app: Flask,
    runtime: Runtime,
    clock: MovableClock,
    happens: str,
    stored: str | None,
    *,
    from_sign_in: bool,
) -> None:
    done = join(runtime, made_up(clock()))

    def act() -> None:
        if happens == "a later connect":
            join(runtime, made_up(clock()))
        if happens == "a disconnect":
            disconnected(slow, done.person)

    slow = replace(runtime, provider=Meanwhile(act))
    update_profile(slow, done.person, done.fresh if from_sign_in else None)
    assert the_row(app).display_name == stored


def disconnected(runtime: Runtime, person: PersonRef) -> None:
    assert disconnect_person(runtime, person).forgotten
