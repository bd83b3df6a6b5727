"""On PostgreSQL two writers meet in one row: a disconnect sees what a refresh commits before it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import pytest
from flask import Flask
from sqlalchemy import text

from tests.servers import Sandbox
from tests.services.grants import given, join
from tests.services.holding import assert_forgotten, runtime_of, the_row
from webapp.database import reading, writing
from webapp.models import PersonRef, User
from webapp.services.connect.disconnect import Outcome, disconnect_person

PATIENCE = 30
WAITERS = text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'"
)


def until(holds: Callable[[], bool]) -> None:
    """Look again every 10 ms until it holds. Raises AssertionError if it never does."""
    ends = monotonic() + PATIENCE
    while not holds():
        assert monotonic() < ends, "it never came to that"
        sleep(0.01)


def somebody_waits_for_a_lock() -> bool:
    with reading() as session:
        return bool(session.scalar(WAITERS))


@pytest.mark.rule(40)
@pytest.mark.parametrize(
    "each_database", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
@pytest.mark.usefixtures("each_database")
def test_a_disconnect_revokes_what_a_refresh_is_just_committing(
    app: Flask, sandbox: Sandbox
) -> None:
    sandbox.settings(old_access_tokens_die=True)
    runtime = runtime_of(app)

    def act(person: PersonRef) -> Outcome:
        with app.app_context():
            return disconnect_person(runtime, person)

    with app.app_context(), ThreadPoolExecutor(1) as pool:
        done = join(runtime, given(sandbox, runtime.clock()))
        with writing() as session:
            user = session.get_one(User, done.person.id, with_for_update=True)
            runtime.vault.store(user, given(sandbox, runtime.clock()), runtime.clock())
            session.flush()
            ending = pool.submit(act, done.person)
            until(somebody_waits_for_a_lock)
        assert ending.result(PATIENCE).confirmed
    assert sandbox.books()[done.open_id]["ended"] == "revoked"
    assert_forgotten(the_row(app))
