"""What must not come back after a power failure is on the disk before it is answered."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from tests.services.grants import join, made_up, sign_in
from webapp import disk_sync
from webapp.actor import act_as_nobody
from webapp.database import db
from webapp.models import PersonRef
from webapp.services.connect import disconnect, sessions
from webapp.services.handout import service_keys
from webapp.services.operators import roles
from webapp.services.runtime import Runtime

Act = Callable[[Runtime, PersonRef], object]


@contextmanager
def said() -> Iterator[list[str]]:
    """Collect how durable each writing transaction is that begins in the block."""
    found: list[str] = []

    def listen(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("PRAGMA synchronous="):
            found.append(statement.removeprefix("PRAGMA synchronous="))

    def committed(_connection: Any) -> None:
        found.append("COMMIT")

    really, log = disk_sync._sync_file, f"{db.engine.url.database}-wal"

    def sync(path: str) -> None:
        really(path)
        found.append("on the disk" if os.path.samefile(path, log) else path)

    event.listen(db.engine, "before_cursor_execute", listen)
    event.listen(db.engine, "commit", committed)
    disk_sync._sync_file = sync
    try:
        yield found
    finally:
        disk_sync._sync_file = really
        event.remove(db.engine, "commit", committed)
        event.remove(db.engine, "before_cursor_execute", listen)


def end_this_session(runtime: Runtime, person: PersonRef) -> Act:
    secret = sign_in(runtime, person)
    return lambda _runtime, _person: sessions.end(secret)


def end_the_others(runtime: Runtime, person: PersonRef) -> Act:
    secret = sign_in(runtime, person)
    visitor = sessions.find(runtime, secret, runtime.clock())
    assert visitor is not None
    return lambda r, _person: sessions.end_others(visitor, secret, r.clock())


def revoke_a_key(runtime: Runtime, _person: PersonRef) -> Act:
    service_keys.issue("reports", runtime.clock())
    return lambda r, _person: service_keys.revoke("reports", r.clock())


def remove_an_operator(runtime: Runtime, person: PersonRef) -> Act:
    roles.add_operator(runtime, "made-up-person", runtime.clock())
    return lambda r, _person: roles.remove_operator(r, "made-up-person")


#: A preparation returns what is done.
PREPARED: dict[str, Callable[[Runtime, PersonRef], Act]] = {
    "a new grant": lambda _r, _p: lambda r, _person: join(r, made_up(r.clock())),
    "an ended session": end_this_session,
    "all sessions": lambda _r, _p: lambda r, person: sessions.end_everywhere(person, r.clock()),
    "the other sessions": end_the_others,
    "a revoked key": revoke_a_key,
    "a removed operator": remove_an_operator,
    "an erased account": lambda _r, _p: disconnect._erase,
}


@pytest.mark.parametrize("what", PREPARED)
def test_it_waits_for_the_disk(runtime: Runtime, what: str) -> None:
    act_as_nobody()
    person = join(runtime, made_up(runtime.clock())).person
    act = PREPARED[what](runtime, person)
    if what == "an erased account":
        with disconnect.writing() as session:
            disconnect.connection_state.write(
                session.get_one(disconnect.User, person.id), {"access_token": None}
            )
    with said() as found:
        act(runtime, person)
    if what == "a new grant":
        # The lock is released before, and the answer is given afterwards (decisions/0031).
        assert found == ["NORMAL", "COMMIT", "on the disk"]
    else:
        assert found == ["FULL", "COMMIT"]
