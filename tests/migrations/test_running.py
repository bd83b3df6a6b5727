"""Running the migrations: all of them or none, by however many processes at once."""

import os
import sys
from pathlib import Path

import pytest
from sqlalchemy import event, text

from tests.environment import complete
from tests.migrations.conftest import Migrator
from tests.migrations.ladder import (
    EACH_STEP,
    REVISIONS,
    contents,
    fill,
    revision_of,
    schema_of,
    tables_of,
)
from tests.processes import Process, plain_environment

UPGRADE = [sys.executable, "-m", "flask", "--app", "wsgi:app", "db", "upgrade"]
#: An upgrade that is killed when all tables are made and the new revision is about to be noted.
KILLED = """
import os, signal
import flask_migrate
from sqlalchemy import event
from webapp.app import create_app
from webapp.database import db
from webapp.settings import load

app = create_app(load())
with app.app_context():
    @event.listens_for(db.engine, "before_cursor_execute")
    def kill(connection, cursor, statement, *rest):
        if "INTO alembic_version" in statement:
            os.kill(os.getpid(), signal.SIGKILL)
    flask_migrate.upgrade()
"""


class PowerCut(BaseException):
    """Nobody catches this."""


def start(args: list[str], log: Path, database_url: str) -> Process:
    """Start a process with a complete environment on this database."""
    return Process(args, log, env=plain_environment() | complete(database_url, 8000))


@pytest.mark.parametrize(("before", "after"), EACH_STEP)
@pytest.mark.parametrize("direction", ["up", "down"])
def test_an_interrupted_step_leaves_the_former_revision(
    migrator: Migrator, direction: str, before: str, after: str
) -> None:
    start_at, goal = (before, after) if direction == "up" else (after, before)
    migrator.up(start_at)
    fill(migrator.engine, start_at)
    was = revision_of(migrator.engine), schema_of(migrator.engine), contents(migrator.engine)

    def cut(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        changes = statement.split(maxsplit=1)[0] in ("INSERT", "UPDATE", "DELETE")
        if changes and "alembic_version" in statement:
            raise PowerCut

    event.listen(migrator.engine, "before_cursor_execute", cut)
    with pytest.raises(PowerCut):
        (migrator.up if direction == "up" else migrator.down)(goal)
    event.remove(migrator.engine, "before_cursor_execute", cut)
    now = revision_of(migrator.engine), schema_of(migrator.engine), contents(migrator.engine)
    assert now == was


@pytest.mark.long
def test_a_killed_upgrade_leaves_nothing_and_can_be_run_again(
    migrator: Migrator, database_url: str, tmp_path: Path
) -> None:
    killed = start([sys.executable, "-c", KILLED], tmp_path / "killed", database_url)
    assert killed.wait() == -9, killed.output()
    assert tables_of(migrator.engine) == []
    assert revision_of(migrator.engine) is None
    migrator.up()
    assert revision_of(migrator.engine) == REVISIONS[-1]


@pytest.mark.long
def test_four_processes_that_upgrade_at_once_all_end_well(
    migrator: Migrator, database_url: str, tmp_path: Path
) -> None:
    together = [start(UPGRADE, tmp_path / f"upgrade-{n}", database_url) for n in range(4)]
    for process in together:
        assert process.wait(60) == 0, process.output()
        assert "Traceback" not in process.output()
    assert revision_of(migrator.engine) == REVISIONS[-1]
    with migrator.engine.begin() as connection:
        # The upgrade has bound the database.
        assert connection.execute(text("DELETE FROM installation")).rowcount == 1
    fill(migrator.engine, REVISIONS[-1])
    left = [name for name in os.listdir(tmp_path) if name.startswith(".")]
    assert not left, "a draft of the database file was left behind"
