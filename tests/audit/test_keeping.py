"""The audit stands or falls with the act, is never changed, and goes when its time is over."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.exc import DBAPIError

from tests.audit.telling import told
from tests.movable import MovableClock
from tests.services.grants import join, made_up
from webapp.actor import Actor, act_as, current_actor
from webapp.database import db, is_sqlite, reading, writing
from webapp.models import AuditEvent, User
from webapp.services.handout import service_keys
from webapp.services.operators import roles
from webapp.services.records import audit
from webapp.services.records.audit import WrongEvent
from webapp.services.runtime import Runtime
from webapp.services.worker.chores import Chores

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def runtime(app: Flask) -> object:
    """The app's runtime, with its context open."""
    with app.app_context():
        yield app.extensions["coatcheck"]


def count() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(AuditEvent)) or 0


def aged(runtime: Runtime, *days: float) -> None:
    """Write events of so many days ago."""
    base = {name: "" for name in ("actor", "address", "reference")}
    base |= {"actor_kind": "system", "event": "database.adopted", "fields": "{}"}
    with writing() as session:
        session.execute(
            insert(AuditEvent),
            [base | {"at": runtime.clock() - timedelta(days=age)} for age in days],
        )


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("key.issued", {"key": "k"}),
        ("key.issued", {"key": "k", "name": "n", "secret": "s"}),
        ("key.issued", {}),
        ("key.eaten", {"key": "k", "name": "n"}),
    ],
)
def test_a_wrong_event_is_refused(runtime: Runtime, event: str, fields: dict[str, str]) -> None:
    with pytest.raises(WrongEvent), writing() as session:
        audit.record(session, runtime.clock(), event, **fields)
    assert count() == 0


def test_an_act_that_fails_leaves_no_event(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_id = join(runtime, made_up(runtime.clock())).open_id
    before = count()

    def broken(*_args: object, **_options: object) -> None:
        raise RuntimeError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("webapp.database.Session.commit", broken)
        with pytest.raises(RuntimeError):
            roles.add_operator(runtime, open_id, runtime.clock())
    assert roles.list_operators(runtime) == []
    assert count() == before


def test_an_act_that_cannot_be_told_does_not_happen(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_id = join(runtime, made_up(runtime.clock())).open_id
    acts: list[Callable[[], object]] = [
        lambda: roles.add_operator(runtime, open_id, runtime.clock()),
        lambda: service_keys.issue("reports", runtime.clock()),
    ]
    monkeypatch.setattr("webapp.services.records.audit.EVENTS", {})
    for act in acts:
        with pytest.raises(WrongEvent):
            act()
    assert roles.list_operators(runtime) == []
    assert service_keys.list_all() == []


def test_the_database_refuses_to_change_an_event(runtime: Runtime) -> None:
    aged(runtime, 1)
    with pytest.raises(DBAPIError, match="audit events are never changed"), writing() as session:
        session.execute(text("UPDATE audit_events SET actor = 'somebody else'"))
    with reading() as session:
        assert session.scalars(select(AuditEvent.actor)).all() == [""]


def test_the_database_refuses_to_replace_an_event(runtime: Runtime) -> None:
    aged(runtime, 2)
    with reading() as session:
        found = session.execute(text("SELECT * FROM audit_events")).mappings().one()
    names = ", ".join(found)
    values = ", ".join(f":{name}" for name in found)
    replace = f"INSERT OR REPLACE INTO audit_events ({names}) VALUES ({values})"  # noqa: S608  # our own names
    if not is_sqlite(db.engine.dialect):
        return
    with pytest.raises(DBAPIError, match="audit events are never changed"), writing() as session:
        session.execute(text(replace), {**found, "actor": "somebody else"})
    with reading() as session:
        assert session.scalars(select(AuditEvent.actor)).all() == [""]


def test_the_database_refuses_to_delete_a_new_event_and_to_empty_the_table(
    runtime: Runtime,
) -> None:
    aged(runtime, 0.5, 2)
    acts = ["DELETE FROM audit_events"]
    if not is_sqlite(db.engine.dialect):
        acts.append("TRUNCATE audit_events")
    for act in acts:
        with pytest.raises(DBAPIError, match="audit events are never"), writing() as session:
            session.execute(text(act))
    assert count() == 2


def test_events_go_when_their_time_is_over(runtime: Runtime) -> None:
    days = runtime.settings.audit_days
    aged(runtime, days + 1, days + 0.01, days - 0.01, 1)
    assert audit.remove_old(runtime, runtime.clock()) == 2
    assert count() == 2
    assert audit.remove_old(runtime, runtime.clock()) == 0


def test_a_worker_takes_batch_by_batch_and_then_rests(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "REMOVED_AT_ONCE", 2)
    old = runtime.settings.audit_days + 1
    aged(runtime, old, old, old, 1)
    tidying = Chores(runtime)
    left = []
    for _ in range(3):
        tidying.step()
        left.append(count())
    aged(runtime, old)
    tidying.step()
    assert left == [2, 1, 1]
    assert count() == 2


def test_a_deletion_takes_no_event_along(runtime: Runtime, clock: MovableClock) -> None:
    person = join(runtime, made_up(clock()))
    with writing() as session:
        session.execute(delete(User).where(User.is_(person.person)))
    assert count() == 1


def test_no_request_inherits_the_actor_of_the_one_before(
    app: Flask, operator: FlaskClient, mara: User
) -> None:
    assert operator.get("/operators/audit").status_code == 200
    assert current_actor() == Actor("system")
    act_as(Actor("operator", mara.ticket, "192.0.2.1", "0a1b2c3d4e5f"))
    seen = []
    app.view_functions["status.healthz"], served = (
        lambda: seen.append(current_actor()) or served(),
        app.view_functions["status.healthz"],
    )
    app.view_functions["status.healthz"].access = "public"
    assert app.test_client().get("/healthz").status_code == 200
    assert [(actor.kind, actor.name, actor.address) for actor in seen] == [
        ("person", "", "127.0.0.1")
    ]
    assert current_actor() == Actor("system")
    assert [each.who for each in told(app, "connection.connected")] == [mara.ticket]
