"""A database is tied to its installation before its first refresh, so every copy is noticed."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text, update

from tests.commands.people import join_due
from tests.commands.terminal import command
from tests.environment import NOBODY
from tests.fixtures.app import MakeApp
from tests.fixtures.served import Serve
from tests.servers import Sandbox, refused_start
from webapp.clock import Clock
from webapp.database import reading, writing
from webapp.models import Installation
from webapp.services.installation import binding, instance_id
from webapp.services.maintenance import doctor
from webapp.settings import Settings


def bindings(url: str) -> int:
    """Return the number of rows that tie the database to an installation."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.scalar(text("SELECT count(*) FROM installation"))
    engine.dispose()
    return int(found or 0)


@pytest.mark.parametrize("place", ["beside it", "in a folder of its own", "with its whole folder"])
def test_a_copy_from_before_the_first_refresh_spends_no_grant_of_the_original(
    make_app: MakeApp, migrated: str, sandbox: Sandbox, tmp_path: Path, place: str
) -> None:
    original = make_app(INSTANCE_ID=None)
    upgrade = command(original, "db", "upgrade")
    assert (upgrade.exit_code, bindings(migrated)) == (0, 1)
    with original.app_context():
        runtime = original.extensions["coatcheck"]
        (mara,) = join_due(runtime, sandbox, "mara")
    # Not inside the original's folder, which one of the copies contains.
    other = tmp_path.with_name(f"{tmp_path.name}-other")
    if place == "with its whole folder":
        shutil.copytree(tmp_path, other)
    other.mkdir(exist_ok=True)
    copy = tmp_path / "copy.db" if place == "beside it" else other / "app.db"
    with (
        closing(sqlite3.connect(tmp_path / "app.db")) as source,
        closing(sqlite3.connect(copy)) as made,
    ):
        source.backup(made)
    staging = make_app(INSTANCE_ID=None, DATABASE_URL=f"sqlite:///{copy}")
    there = replace(staging.extensions["coatcheck"], folder=copy.parent)
    staging.extensions["coatcheck"] = there
    for words in (("tokens", "refresh", mara), ("tokens", "run", "--once")):
        run = command(staging, *words)
        assert run.exit_code == 1
        assert "flask tokens adopt" in run.stderr
    assert sandbox.calls("token") == 0
    assert command(original, "tokens", "refresh", mara).exit_code == 0
    shutil.rmtree(other)


def test_an_upgrade_ties_a_database_of_an_older_release_to_its_file_name(
    make_app: MakeApp, tmp_path: Path
) -> None:
    app = make_app(INSTANCE_ID=None)
    with app.app_context():
        runtime = app.extensions["coatcheck"]
        assert binding.mismatch(runtime) is None
        binding.record_generation(runtime)
        with writing() as session:
            session.execute(update(Installation).values(binding="0123456789abcdef"))
        for _again in range(2):
            assert command(app, "db", "upgrade").exit_code == 0
            with reading() as session:
                bound = session.get(Installation, 1)
            assert bound is not None
            assert bound.binding == "0123456789abcdef/app.db"
            assert instance_id.recorded_generation(tmp_path) == (bound.binding, 1)
        assert binding.mismatch(runtime) is None


@pytest.mark.usefixtures("each_database")
def test_a_later_upgrade_says_that_the_database_belongs_elsewhere(
    make_app: MakeApp, migrated: str
) -> None:
    assert command(make_app(), "db", "upgrade").exit_code == 0
    run = command(make_app(INSTANCE_ID="another-instance"), "db", "upgrade")
    assert run.exit_code == 0
    assert "warn INSTANCE_ID – the database has belonged to another installation" in run.stderr
    assert bindings(migrated) == 1


def test_the_first_start_of_gunicorn_binds_what_no_command_has(serve: Serve, migrated: str) -> None:
    assert bindings(migrated) == 0
    serve()
    assert bindings(migrated) == 1


def test_a_start_that_is_refused_binds_nothing(
    env: dict[str, str], migrated: str, tmp_path: Path
) -> None:
    code, _said = refused_start(env | {"TIKTOK_API_URL": NOBODY, "PORT": "x"}, tmp_path)
    assert (code, bindings(migrated)) == (78, 0)


def test_a_start_on_a_database_that_cannot_be_bound_is_told_and_goes_through(
    settings: Settings, migrated: str, clock: Clock
) -> None:
    with closing(sqlite3.connect(migrated.removeprefix("sqlite:///"))) as database:
        database.execute("ALTER TABLE installation RENAME TO gone")
    problem = doctor.bind_installation(settings, clock())
    assert problem is not None
    assert problem.name == "DATABASE_URL"
