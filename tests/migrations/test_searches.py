"""Migration 0013: what operators searched for before the upgrade names nobody afterwards."""

import json
from typing import Any

import pytest
from sqlalchemy import text

from tests.migrations.conftest import Migrator
from tests.migrations.ladder import contents, fill
from webapp.database import writing

OPEN_ID = "-000Jq74ETHj4fhvb6QG"
INSERT = text(
    "INSERT INTO audit_events (id, at, actor_kind, actor, address, reference, event, fields)"
    " SELECT 2, at, actor_kind, actor, address, reference, :event, :fields"
    " FROM audit_events WHERE id = 1"
)


def kept(migrator: Migrator, event: str, query: str) -> dict[str, Any]:
    """Return the fields of an event with this query as they are after the upgrade."""
    migrator.up("0009")
    fill(migrator.engine, "0009")
    with migrator.engine.begin() as connection:
        fields = json.dumps({"format": "csv", "query": query})
        connection.execute(INSERT, {"event": event, "fields": fields})
    migrator.up("0013")
    found = next(e for e in contents(migrator.engine)["audit_events"] if e["event"] == event)
    fields = json.loads(found["fields"])
    assert fields.pop("format") == "csv"
    return dict(fields)


@pytest.mark.parametrize(
    ("event", "query", "after"),
    [
        ("bulk.ordered", f"q={OPEN_ID}&status=failing", "q=*&status=failing"),
        ("connections.exported", "q=Mara+Lindqvist&sort=-refreshes", "q=*&sort=-refreshes"),
        ("connections.exported", "status=failing", "status=failing"),
        ("audit.exported", f"who={OPEN_ID}&on=Mara&ref=Mara", "who=*&on=*&ref=*"),
        (
            "audit.exported",
            "from=2026-10-01&who=operator&on=ct_1111-1111&ref=0a1b2c3d4e5f",
            "from=2026-10-01&who=operator&on=ct_1111-1111&ref=0a1b2c3d4e5f",
        ),
    ],
)
def test_an_event_keeps_that_there_was_a_search_but_not_for_whom(
    migrator: Migrator, event: str, query: str, after: str
) -> None:
    assert kept(migrator, event, query) == {"query": after}
    with pytest.raises(Exception, match="audit events are never changed"), writing() as session:
        session.execute(text("UPDATE audit_events SET actor = 'somebody else'"))


@pytest.mark.parametrize(
    ("gathered_to", "after"), [(None, "status=failing"), (7, "q=Mara&status=failing")]
)
def test_a_job_forgets_its_search_unless_its_connections_are_still_being_collected(
    migrator: Migrator, gathered_to: int | None, after: str
) -> None:
    migrator.up("0009")
    fill(migrator.engine, "0009")
    with migrator.engine.begin() as connection:
        connection.execute(
            text("UPDATE bulk_jobs SET query = 'q=Mara&status=failing', gathered_to = :to"),
            {"to": gathered_to},
        )
    migrator.up("0013")
    assert [job["query"] for job in contents(migrator.engine)["bulk_jobs"]] == [after]
