"""SQLite changes a column by rebuilding its table; what points at that table must stay."""

import shutil
from pathlib import Path

import flask_migrate
import pytest
from sqlalchemy.exc import IntegrityError

from tests.migrations.conftest import Migrator
from tests.migrations.ladder import REVISIONS, contents, fill, revision_of, schema_of
from webapp.services.maintenance.database_checks import MIGRATIONS

HEAD = """
from alembic import op
import sqlalchemy as sa

revision = "9999"
down_revision = "{newest}"
branch_labels = None
depends_on = None


def upgrade():
"""
REBUILDS = """
    with op.batch_alter_table("users") as batch:
        batch.alter_column("ticket", existing_type=sa.Text(), nullable=True)
"""
DANGLES = """
    op.execute("UPDATE browser_sessions SET user_id = 77")
"""


def with_migration(folder: Path, body: str) -> str:
    """Return a copy of the migrations with one more, made up, at its end."""
    copy = folder / "migrations"
    shutil.copytree(MIGRATIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    text = HEAD.format(newest=REVISIONS[-1]) + body
    (copy / "versions" / "9999_made_up.py").write_text(text, encoding="utf-8")
    return str(copy)


def test_rebuilding_a_table_keeps_the_rows_that_point_at_it(
    migrator: Migrator, tmp_path: Path
) -> None:
    migrator.up()
    fill(migrator.engine, REVISIONS[-1])
    before = contents(migrator.engine)
    flask_migrate.upgrade(directory=with_migration(tmp_path, REBUILDS))
    after = contents(migrator.engine)
    columns = schema_of(migrator.engine)["users"]["columns"]
    assert ("ticket", "TEXT", True) in columns, "the made-up migration did nothing"
    assert after == before


def test_foreign_keys_bind_again_after_migrating(migrator: Migrator, tmp_path: Path) -> None:
    migrator.up()
    fill(migrator.engine, REVISIONS[-1])
    flask_migrate.upgrade(directory=with_migration(tmp_path, REBUILDS))
    with migrator.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM users WHERE id = 1")
    assert [row["user_id"] for row in contents(migrator.engine)["browser_sessions"]] == [2]


def test_a_migration_that_leaves_dangling_rows_is_undone(
    migrator: Migrator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    migrator.up()
    fill(migrator.engine, REVISIONS[-1])
    before = contents(migrator.engine)
    # PostgreSQL refuses the statement; SQLite is asked at the end, and flask_migrate says why.
    with pytest.raises((IntegrityError, SystemExit)):
        flask_migrate.upgrade(directory=with_migration(tmp_path, DANGLES))
    if migrator.engine.dialect.name == "sqlite":
        assert "rows of browser_sessions point at rows that are gone" in caplog.text
    assert contents(migrator.engine) == before
    assert revision_of(migrator.engine) == REVISIONS[-1]
