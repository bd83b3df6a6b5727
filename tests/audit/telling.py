"""What the audit tells of an act, read past its page: by whom, on whom, from where."""

import json
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from sqlalchemy import delete, select, text

from webapp.database import db, is_sqlite, reading, writing
from webapp.models import AuditEvent

HERE = "127.0.0.1"


@dataclass(frozen=True)
class Told:
    """One event: who did it, on whom, from where, and its own fields."""

    kind: str
    who: str
    on: str | None
    address: str
    fields: dict[str, Any] = field(default_factory=dict)


def told(app: Flask, event: str) -> list[Told]:
    """Return every event of one name, oldest first; a request's has a reference, no other has."""
    with app.app_context(), reading() as session:
        rows = session.scalars(
            select(AuditEvent).where(AuditEvent.event == event).order_by(AuditEvent.id)
        ).all()
    assert all(bool(row.reference) == bool(row.address) for row in rows)
    return [
        Told(row.actor_kind, row.actor, row.ticket, row.address, json.loads(row.fields))
        for row in rows
    ]


def by_person(ticket: str, **fields: Any) -> Told:
    """Return what is told of someone who acts on their own connection in a browser."""
    return Told("person", ticket, ticket, HERE, fields)


def by_command(words: str, on: str | None = None, **fields: Any) -> Told:
    """Return what is told of a command."""
    return Told("command", words, on, "", fields)


def let_events_go() -> None:
    """Let events be deleted that are new by the database's own clock, which no test moves."""
    with writing() as session:
        on = "" if is_sqlite(db.engine.dialect) else " ON audit_events"
        session.execute(text(f"DROP TRIGGER audit_events_kept{on}"))


def empty_audit() -> None:
    """Remove every event, which the database refuses by itself."""
    let_events_go()
    with writing() as session:
        session.execute(delete(AuditEvent))
