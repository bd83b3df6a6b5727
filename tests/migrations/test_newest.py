"""The latest migration is what the models say, and what they can read."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Column, MetaData, Text, select

from tests.migrations.conftest import Migrator
from tests.migrations.ladder import REVISIONS, SCRIPTS, contents, fill, schema_of, watching
from tests.migrations.rows import CONNECTED
from webapp.database import Base, reading
from webapp.models import BrowserSession, Health, SpentState, User
from webapp.services.maintenance import database_checks


def differences(migrator: Migrator, metadata: MetaData) -> list[object]:
    """Return what Alembic would write into a next migration."""
    options = {"compare_type": True, "compare_server_default": True}
    with migrator.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def test_the_tables_are_what_the_models_say(migrator: Migrator) -> None:
    migrator.up()
    assert differences(migrator, Base.metadata) == [], "write a migration for this"


def test_a_column_that_no_migration_makes_is_told(migrator: Migrator) -> None:
    migrator.up()
    metadata = MetaData(naming_convention=Base.metadata.naming_convention)
    for table in Base.metadata.sorted_tables:
        table.to_metadata(metadata)
    metadata.tables["users"].append_column(Column("nickname", Text()))
    (difference,) = differences(migrator, metadata)
    assert "nickname" in str(difference)


def test_the_models_read_the_rows_of_the_newest_revision(migrator: Migrator) -> None:
    migrator.up()
    fill(migrator.engine, REVISIONS[-1])
    with reading() as session:
        user = session.get_one(User, CONNECTED["id"])
        browsers = session.scalars(select(BrowserSession)).all()
        spent = session.scalars(select(SpentState)).all()
    assert {name: getattr(user, name) for name in CONNECTED} == CONNECTED
    assert user.granted == {"user.info.basic", "video.list"}
    assert user.health(CONNECTED["created_at"]) is Health.REFRESHING
    assert len(browsers) == 3
    assert [each.digest for each in spent] == ["d" * 64]


@pytest.mark.rule(56)
def test_tokens_lie_in_text_without_a_bound(migrator: Migrator) -> None:
    migrator.up()
    columns = {name: kind for name, kind, _ in schema_of(migrator.engine)["users"]["columns"]}
    assert columns["access_token"] == columns["refresh_token"] == "TEXT"
    fill(migrator.engine, REVISIONS[-1])
    stored = contents(migrator.engine)["users"][0]
    assert len(stored["access_token"]) == len(CONNECTED["access_token"])


def test_upgrading_again_writes_nothing(migrator: Migrator) -> None:
    migrator.up()
    fill(migrator.engine, REVISIONS[-1])
    before = schema_of(migrator.engine), contents(migrator.engine)
    with watching(migrator.engine) as statements:
        migrator.up()
    reads = ("PRAGMA", "BEGIN", "SELECT")
    assert statements
    assert [s for s in statements if not s.lstrip().upper().startswith(reads)] == []
    assert (schema_of(migrator.engine), contents(migrator.engine)) == before


def test_the_files_are_numbered_as_alembic_orders_them() -> None:
    assert database_checks.revisions() == REVISIONS
    assert SCRIPTS.get_heads() == REVISIONS[-1:]
