"""Forget what operators searched for: it may name people who have deleted their accounts since.

The database refuses to change audit events, so its trigger is off for these statements.
"""

import json
import re
from urllib.parse import parse_qsl, urlencode

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_EVENTS = ("bulk.ordered", "connections.exported", "audit.exported")
#: What can be typed freely, and what of it identifies nobody: a ticket, a kind of actor or a
#: request ID.
_FREE = ("q", "who", "on", "ref")
_NAMELESS = re.compile(
    r"ct_[0-9A-Z]{4}-[0-9A-Z]{4}|[0-9a-f]{12}"
    r"|person|operator|service|worker|command|tiktok|system"
)
_AT_ONCE = 1000
#: As migration 0007 has it.
_TRIGGER = """
CREATE TRIGGER audit_events_unchanged BEFORE UPDATE ON audit_events
BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END
"""

_events = sa.table(
    "audit_events", sa.column("id", sa.BigInteger), sa.column("event"), sa.column("fields")
)
_jobs = sa.table("bulk_jobs", sa.column("id"), sa.column("query"), sa.column("gathered_to"))


def upgrade() -> None:
    """Replace what was searched for by `*` in audit events, and remove it from bulk jobs."""
    connection = op.get_bind()
    sqlite = connection.dialect.name == "sqlite"
    op.execute(
        "DROP TRIGGER audit_events_unchanged"
        if sqlite
        else "ALTER TABLE audit_events DISABLE TRIGGER audit_events_unchanged"
    )
    _clean_events(connection)
    op.execute(
        _TRIGGER if sqlite else "ALTER TABLE audit_events ENABLE TRIGGER audit_events_unchanged"
    )
    # The worker still needs the search of a job whose connections it is collecting.
    done = sa.select(_jobs.c.id, _jobs.c.query).where(_jobs.c.gathered_to.is_(None))
    for job in connection.execute(done.where(_jobs.c.query != "")).all():
        kept = urlencode([(name, value) for name, value in parse_qsl(job.query) if name != "q"])
        connection.execute(_jobs.update().where(_jobs.c.id == job.id).values(query=kept))


def downgrade() -> None:
    """Do nothing: what was forgotten stays forgotten."""


def _clean_events(connection: sa.Connection) -> None:
    last = 0
    query = sa.select(_events.c.id, _events.c.fields).where(_events.c.event.in_(_EVENTS))
    query = query.order_by(_events.c.id).limit(_AT_ONCE)
    while rows := connection.execute(query.where(_events.c.id > last)).all():
        last = rows[-1].id
        for row in rows:
            fields = json.loads(row.fields)
            kept = _without_names(str(fields.get("query", "")))
            if kept != fields.get("query", ""):
                text = json.dumps(fields | {"query": kept}, ensure_ascii=False, sort_keys=True)
                change = _events.update().where(_events.c.id == row.id)
                connection.execute(change.values(fields=text))


def _without_names(query: str) -> str:
    return urlencode(
        [
            (name, "*" if name in _FREE and not _NAMELESS.fullmatch(value) else value)
            for name, value in parse_qsl(query)
        ],
        safe="*",
    )
