"""A connection that ends is gone here in every case, and nothing is left of a deleted account."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.engine import make_url

from tests.servers import Sandbox
from tests.services.grants import given, join, sign_in
from tests.services.holding import assert_forgotten, assert_holds_what_tiktok_holds, rows, the_row
from webapp.database import db, reading, writing
from webapp.models import BrowserSession, User
from webapp.services.connect import sessions
from webapp.services.connect.disconnect import delete_person, disconnect_person
from webapp.services.connect.user_info import update_profile
from webapp.services.runtime import Runtime
from webapp.tiktok.provider import Provider


class Reconnecting(Provider):
    """TikTok as it is, but the person connects again while we are revoking."""

    def __init__(self, runtime: Runtime, sandbox: Sandbox) -> None:
        """Take the runtime to connect in."""
        self._runtime, self._sandbox = runtime, sandbox

    def revoke(self, access_token: str) -> None:
        self._runtime.provider.revoke(access_token)
        join(self._runtime, given(self._sandbox, self._runtime.clock()))


@pytest.mark.rule(40)
@pytest.mark.usefixtures("each_database")
def test_disconnecting_twice_is_disconnecting_once(
    runtime: Runtime, app: Flask, sandbox: Sandbox
) -> None:
    person = join(runtime, given(sandbox, runtime.clock())).person
    assert disconnect_person(runtime, person).confirmed
    assert disconnect_person(runtime, person).confirmed
    assert sandbox.calls("revoke") == 1
    assert_forgotten(the_row(app))


@pytest.mark.usefixtures("each_database")
def test_who_connects_again_during_a_disconnect_stays_connected(
    runtime: Runtime, app: Flask, sandbox: Sandbox
) -> None:
    person = join(runtime, given(sandbox, runtime.clock())).person
    disconnect_person(replace(runtime, provider=Reconnecting(runtime, sandbox)), person)
    assert the_row(app).status == "active"
    assert_holds_what_tiktok_holds(app, sandbox)


@pytest.mark.usefixtures("each_database")
def test_deleting_takes_one_person_and_everything_about_them(
    runtime: Runtime, app: Flask, sandbox: Sandbox
) -> None:
    gone = join(runtime, given(sandbox, runtime.clock(), "mara"))
    stays = join(runtime, given(sandbox, runtime.clock(), "jo"))
    for done in (gone, stays):
        sign_in(runtime, done.person, runtime.clock())
    assert delete_person(runtime, gone.person).confirmed
    assert [user.open_id for user in rows(app)] == [stays.open_id]
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(BrowserSession)) == 1
    books = sandbox.books()
    assert (books[gone.open_id]["ended"], books[stays.open_id]["ended"]) == ("revoked", None)


@pytest.mark.usefixtures("each_database")
def test_deleting_works_when_tiktok_is_down_and_says_so(
    runtime: Runtime, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.faults("revoke", "http500")
    done = join(runtime, given(sandbox, runtime.clock()))
    outcome = delete_person(runtime, done.person)
    assert (outcome.confirmed, outcome.code) == (False, "server_error")
    assert outcome.log_id
    assert rows(app) == []
    assert delete_person(runtime, done.person).confirmed


@pytest.mark.usefixtures("each_database")
def test_a_row_without_a_refresh_token_is_still_forgotten(
    runtime: Runtime, app: Flask, sandbox: Sandbox
) -> None:
    person = join(runtime, given(sandbox, runtime.clock())).person
    with writing() as session:
        user = session.get_one(User, person.id)
        user.refresh_token, user.access_expires_at = None, runtime.clock()
    assert not disconnect_person(runtime, person).confirmed
    assert_forgotten(the_row(app))


def test_no_byte_of_a_deleted_account_is_left_in_the_file(
    runtime: Runtime, app: Flask, sandbox: Sandbox
) -> None:
    """SQLite alone: PostgreSQL's files are its own, cleared by its vacuum."""
    start_careless()
    for name in ("jo", "soren", "aiko"):
        update_profile(runtime, join(runtime, given(sandbox, runtime.clock(), name)).person)
    done = join(runtime, given(sandbox, runtime.clock(), "mara"))
    update_profile(runtime, done.person)
    secret = sign_in(runtime, done.person, runtime.clock())
    user = next(user for user in rows(app) if user.ref == done.person)
    # The ticket stays, in the audit alone: docs/decisions/0014.
    traces = [user.open_id, user.union_id, user.display_name]
    traces += [user.access_token, user.refresh_token]
    before = on_disk(runtime)
    assert all(str(trace).encode() in before for trace in traces)
    delete_person(runtime, done.person)
    assert sessions.find(runtime, secret, runtime.clock()) is None
    after = on_disk(runtime)
    assert [trace for trace in traces if str(trace).encode() in after] == []
    assert sandbox.open_id("jo").encode() in after


def start_careless() -> None:
    """Let SQLite start as most builds do, without overwriting: Debian's overwrites unasked."""

    def careless(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA secure_delete=OFF")

    event.listen(db.engine, "connect", careless, insert=True)
    db.engine.dispose()


def on_disk(runtime: Runtime) -> bytes:
    """Every byte of the database: its file, its write-ahead log, whatever lies beside it."""
    path = Path(str(make_url(runtime.settings.database_url).database))
    return b"".join(each.read_bytes() for each in sorted(path.parent.glob(f"{path.name}*")))
