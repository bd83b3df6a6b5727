"""Migration 0009: from then on no id is given twice, also none that a deleted person had before."""

import pytest
from sqlalchemy import delete, insert, select, text

from tests.migrations.conftest import Migrator
from tests.migrations.ladder import fill
from webapp.database import writing
from webapp.models import AuditEvent, BrowserSession, User


def first_id_after(migrator: Migrator, *statements: str) -> int:
    """Upgrade from 0008 with these statements run before it; return the next newcomer's id."""
    migrator.up("0008")
    fill(migrator.engine, "0008")
    with migrator.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    # The models need the newest.
    migrator.up()
    with writing() as session:
        person = User(client_key="made-up-key", open_id="newcomer", ticket="ct_NEW1-NEW1")
        moment = session.scalar(select(User.created_at).limit(1))
        person.created_at = person.connected_at = moment
        person.version = person.refreshes = 0
        session.add(person)
        session.flush()
        return person.id


def test_a_newcomer_does_not_get_the_id_that_a_bulk_job_still_names(migrator: Migrator) -> None:
    named = "UPDATE bulk_items SET user_id = 41"
    assert first_id_after(migrator, named) > 41


def test_a_newcomer_does_not_get_an_id_that_a_bulk_job_has_gathered_to(migrator: Migrator) -> None:
    named = "UPDATE bulk_jobs SET gathered_to = 57"
    assert first_id_after(migrator, named) > 57


def test_sessions_uses_and_words_of_names_are_still_there(migrator: Migrator) -> None:
    first_id_after(migrator)
    with migrator.engine.connect() as connection:
        # Migration 0015 makes the words of names anew.
        for table, count in (("browser_sessions", 3), ("service_uses", 1), ("name_words", 10)):
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608  the names stand above
            assert len(rows) == count, table


def test_the_rows_that_point_at_a_person_still_go_with_them(migrator: Migrator) -> None:
    first_id_after(migrator)
    with writing() as session:
        session.delete(session.get_one(User, 1))
    with writing() as session:
        assert {row.user_id for row in session.scalars(select(BrowserSession))} == {2}


def test_audit_events_still_cannot_be_changed(migrator: Migrator) -> None:
    first_id_after(migrator)
    with pytest.raises(Exception, match="audit events are never changed"), writing() as session:
        session.execute(text("UPDATE audit_events SET actor = 'somebody else'"))
    migrator.down("0008")
    with pytest.raises(Exception, match="audit events are never changed"), writing() as session:
        session.execute(text("UPDATE audit_events SET actor = 'somebody else'"))


def test_a_deleted_event_leaves_its_id_taken(migrator: Migrator) -> None:
    first_id_after(migrator)
    with writing() as session:
        # As of revision 0009: `digest` came later.
        columns = [c for c in AuditEvent.__table__.columns if c.name not in ("id", "digest")]
        values = dict(session.execute(select(*columns)).one()._mapping)
        session.execute(delete(AuditEvent))
    with writing() as session:
        session.execute(insert(AuditEvent).values(values))
        assert session.scalars(select(AuditEvent.id)).one() == 2
