"""Changing, deleting or adding an audit event behind the app's back breaks the chain."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, func, insert, select, text, update

from tests.audit.telling import let_events_go
from webapp.database import db, is_sqlite, reading, writing
from webapp.models import AuditChain, AuditEvent
from webapp.services.records import audit, audit_chain
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")

AGED = timedelta(days=10)


@pytest.fixture
def runtime(app: Flask) -> Iterator[Runtime]:
    """The app's runtime, with its context open."""
    with app.app_context():
        yield app.extensions["coatcheck"]


def record(runtime: Runtime, *names: str, ago: timedelta = AGED) -> None:
    """Record a key that is issued for each name, in one transaction."""
    with writing() as session:
        for name in names:
            audit.record(session, runtime.clock() - ago, "key.issued", key=f"ü{name}", name=name)


def ids() -> list[int]:
    with reading() as session:
        return list(session.scalars(select(AuditEvent.id).order_by(AuditEvent.id)))


def newest(runtime: Runtime) -> str:
    return audit_chain.check(runtime.clock()).newest


def tamper(*statements: object) -> None:
    """Change the database without the app and without its triggers, as its administrator can."""
    with db.engine.begin() as connection:
        if is_sqlite(connection.dialect):
            names = connection.execute(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).scalars()
            for name in names.all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE audit_events DISABLE TRIGGER USER"))
        for statement in statements:
            connection.execute(statement)


def verify(app: Flask, *options: str) -> tuple[int, str, str]:
    """Run the command; return its exit code, stdout and stderr."""
    done = app.test_cli_runner().invoke(args=["audit", "verify", *options])
    return done.exit_code, done.stdout, done.stderr


def test_what_the_app_records_is_one_chain(app: Flask, runtime: Runtime) -> None:
    assert verify(app) == (0, "0 events are intact, up to none\n", "")
    record(runtime, "a", "b")
    record(runtime, "c")
    code, out, err = verify(app)
    with reading() as session:
        digests = session.scalars(select(AuditEvent.digest).order_by(AuditEvent.id)).all()
    assert len(set(digests)) == 3
    assert (code, out, err) == (0, f"3 events are intact, up to {digests[-1]}\n", "")
    assert json.loads(verify(app, "--json")[1]) == {
        "intact": 3,
        "unchained": 0,
        "newest": digests[-1],
        "broken": None,
    }


@pytest.mark.parametrize(
    "column", ["at", "actor_kind", "actor", "address", "reference", "event", "ticket", "fields"]
)
def test_a_changed_column_is_named(app: Flask, runtime: Runtime, column: str) -> None:
    record(runtime, "a", "b", "c")
    changed = {column: runtime.clock() if column == "at" else "another"}
    second = ids()[1]
    tamper(update(AuditEvent).where(AuditEvent.id == second).values(changed))
    code, out, err = verify(app)
    assert (code, out.split()[0]) == (1, "1")
    assert f"the chain is broken at event {second} of " in err
    assert "it was changed" in err
    told = json.loads(verify(app, "--json")[1])
    assert (told["intact"], told["broken"]["id"]) == (1, second)


@pytest.mark.parametrize(
    ("gone", "named", "cause"),
    [
        pytest.param(0, 1, "the event before it was deleted", id="first"),
        pytest.param(1, 2, "the event before it was deleted", id="middle"),
        pytest.param(3, 2, "newer events than this were deleted", id="last"),
    ],
)
def test_a_deleted_event_is_seen(
    app: Flask, runtime: Runtime, gone: int, named: int, cause: str
) -> None:
    record(runtime, "a", "b", "c", "d")
    there = ids()
    tamper(delete(AuditEvent).where(AuditEvent.id == there[gone]))
    code, _out, err = verify(app)
    assert code == 1
    assert f"at event {there[named]} of " in err or gone == 3
    assert cause in err


def test_all_events_deleted_are_seen(app: Flask, runtime: Runtime) -> None:
    record(runtime, "a")
    tamper(delete(AuditEvent))
    assert verify(app)[0] == 1
    tamper(delete(AuditChain))
    record(runtime, "b")
    assert verify(app)[0] == 0, "nothing is left by which this could be seen"


def test_two_events_that_changed_places_are_seen(app: Flask, runtime: Runtime) -> None:
    record(runtime, "a", "b", "c")
    first, second, _third = ids()
    move = update(AuditEvent)
    tamper(
        move.where(AuditEvent.id == first).values(id=999),
        move.where(AuditEvent.id == second).values(id=first),
        move.where(AuditEvent.id == 999).values(id=second),
    )
    assert f"at event {first} of " in verify(app)[2]


def test_an_event_that_was_added_without_the_app_is_seen(app: Flask, runtime: Runtime) -> None:
    record(runtime, "a")
    values = dict.fromkeys(("actor", "address", "reference"), "") | {"actor_kind": "system"}
    values |= {"event": "database.adopted", "fields": "{}", "at": runtime.clock() - AGED}
    tamper(insert(AuditEvent).values(values))
    record(runtime, "b")
    assert "it was added without the app" in verify(app)[2]


def test_the_ends_of_the_chain_are_part_of_it(app: Flask, runtime: Runtime) -> None:
    record(runtime, "a", "b")
    tamper(update(AuditChain).values(start_id=ids()[0]))
    assert "the start of the chain was changed" in verify(app)[2]
    tamper(delete(AuditChain))
    assert "the row of audit_chain is missing" in verify(app)[2]
    record(runtime, "c")
    assert f"at event {ids()[2]} of " in verify(app)[2]


def test_old_events_go_from_the_start_of_the_chain(app: Flask, runtime: Runtime) -> None:
    old = timedelta(days=runtime.settings.audit_days + 1)
    record(runtime, "a", "b", ago=old)
    record(runtime, "c")
    # From a clock that was behind.
    record(runtime, "d", ago=old)
    there = ids()
    assert audit.remove_old(runtime, runtime.clock()) == 2
    assert ids() == there[2:]
    assert verify(app)[:2] == (0, f"2 events are intact, up to {newest(runtime)}\n")
    later = runtime.clock() + timedelta(days=runtime.settings.audit_days)
    assert audit.remove_old(runtime, later) == 2
    assert ids() == []
    record(runtime, "e")
    assert verify(app)[0] == 0
    tamper(delete(AuditEvent))
    assert verify(app)[0] == 1


def test_an_event_of_the_future_keeps_no_other(app: Flask, runtime: Runtime) -> None:
    old = timedelta(days=runtime.settings.audit_days + 1)
    ahead = timedelta(days=9000)
    record(runtime, "a", ago=-ahead)
    record(runtime, "b", ago=old)
    record(runtime, "c")
    first, _second, third = ids()
    assert audit.remove_old(runtime, runtime.clock()) == 1
    assert ids() == [first, third]
    code, out, _err = verify(app)
    assert code == 0
    assert out.splitlines() == [
        f"1 events are intact, up to {newest(runtime)}",
        "1 events from before the start of the chain can't be checked",
    ]
    let_events_go()
    assert audit.remove_old(runtime, runtime.clock() + ahead + old) == 2
    assert ids() == []


def test_events_from_before_the_chain_are_counted_and_removed(app: Flask, runtime: Runtime) -> None:
    old = timedelta(days=runtime.settings.audit_days + 1)
    record(runtime, "a", "b", ago=old)
    tamper(
        update(AuditEvent).values(digest=None),
        update(AuditChain).values(start_id=ids()[-1], start_digest="", newest_digest=""),
    )
    record(runtime, "c")
    code, out, _err = verify(app)
    assert code == 0
    assert out.splitlines()[0].startswith("1 events are intact")
    assert out.splitlines()[1] == "2 events from before the start of the chain can't be checked"
    assert audit.remove_old(runtime, runtime.clock()) == 2
    assert verify(app)[0] == 0


def test_transactions_at_the_same_time_extend_the_chain_one_after_the_other(
    app: Flask, runtime: Runtime
) -> None:
    begun = threading.Barrier(8, timeout=30)

    def act(number: int) -> None:
        with app.app_context():
            begun.wait()
            for step in range(10):
                record(runtime, f"{number}-{step}", f"{number}-{step}b")

    threads = [threading.Thread(target=act, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(AuditEvent)) == 160
        assert session.scalar(select(func.count()).select_from(AuditChain)) == 1
    assert verify(app)[0] == 0


def test_the_end_of_the_chain_is_not_held_while_a_transaction_works(
    app: Flask, runtime: Runtime
) -> None:
    if is_sqlite(db.engine.dialect):
        pytest.skip("SQLite has one writer, whatever it writes")
    record(runtime, "a")
    with writing() as session:
        audit.record(session, runtime.clock(), "key.issued", key="k", name="slow")
        # Its own transaction, in between: it would wait for the one that is open.
        record(runtime, "quick")
    with reading() as session:
        names = [
            json.loads(fields)["name"]
            for fields in session.scalars(select(AuditEvent.fields).order_by(AuditEvent.id))
        ]
    assert names == ["a", "quick", "slow"]
    assert verify(app)[0] == 0
