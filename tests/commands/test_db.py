"""`flask db`: a database that can't be used is explained in one line, never by a traceback."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from tests.commands.terminal import command
from tests.databases import Postgres, find_postgres, postgres
from tests.fixtures.app import MakeApp
from tests.fixtures.database import dispose
from tests.missing import missing

COMMANDS = ("upgrade", "current", "check")


def said(make_app: MakeApp, url: str | URL, *words: str) -> str:
    """Run `flask db words…` on a database that can't be used and return the line it prints."""
    if isinstance(url, URL):
        url = url.render_as_string(hide_password=False)
    app = make_app(DATABASE_URL=url)
    try:
        run = command(app, "db", *words)
    finally:
        dispose(app)
    assert (run.exit_code, run.stdout) == (1, ""), run.exception
    assert isinstance(run.exception, SystemExit)
    (line,) = run.stderr.splitlines()
    assert line.startswith("FAIL DATABASE_URL – ")
    return str(line)


class TestSqlite:
    def test_a_folder_that_cannot_be_made(self, make_app: MakeApp, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("in the way", encoding="utf-8")
        line = said(make_app, f"sqlite:///{tmp_path}/file/sub/app.db", "upgrade")
        assert f"{tmp_path}/file/sub can't be created or written to (Not a directory)" in line
        assert "give this user write access to that folder" in line

    @pytest.mark.parametrize("words", COMMANDS)
    def test_a_file_that_is_damaged(self, make_app: MakeApp, tmp_path: Path, words: str) -> None:
        file = tmp_path / "damaged.db"
        file.write_bytes(secrets.token_bytes(20_000))
        line = said(make_app, f"sqlite:///{file}", words)
        assert "the file is damaged, or not an SQLite database" in line
        assert "restore the whole file from a backup" in line

    def test_a_folder_in_its_place(self, make_app: MakeApp, tmp_path: Path) -> None:
        assert "cannot be opened" in said(make_app, f"sqlite:///{tmp_path}", "upgrade")

    def test_a_database_of_a_newer_release(self, make_app: MakeApp, migrated: str) -> None:
        with closing(sqlite3.connect(str(make_url(migrated).database))) as database:
            database.execute("UPDATE alembic_version SET version_num = '9999'")
            database.commit()
        line = said(make_app, migrated, "upgrade")
        assert "the database was updated by a newer release" in line
        assert "install that release again" in line


@pytest.fixture(scope="module")
def strict_server() -> Iterator[Postgres]:
    """A server of our own that wants a password from everyone but its administrator."""
    if (programs := find_postgres()) is None:
        missing("no PostgreSQL: its programs are not there")
    with postgres(programs) as server:
        assert server.staying is not None
        server.staying.execute("CREATE ROLE keeper LOGIN PASSWORD 'made-up-right'")
        found = server.staying.execute("SHOW hba_file").fetchone()
        assert found is not None
        rules = Path(found[0])
        rules.write_text(
            f"host all keeper all scram-sha-256\nhost all barred all reject\n{rules.read_text()}",
            encoding="utf-8",
        )
        server.staying.execute("SELECT pg_reload_conf()")
        yield server


@pytest.mark.postgres
class TestPostgres:
    @pytest.mark.parametrize("words", COMMANDS)
    def test_a_wrong_password(self, make_app: MakeApp, strict_server: Postgres, words: str) -> None:
        url = strict_server.admin.set(username="keeper", password="made-up-wrong")
        line = said(make_app, url, words)
        assert "the database server rejects this user or password" in line
        assert "write @ as %40" in line
        assert "made-up-wrong" not in line

    @pytest.mark.parametrize(
        ("user", "password", "database", "cause"),
        [
            ("keeper", None, "postgres", "requires a password"),
            ("barred", None, "postgres", "doesn't accept this user from this machine"),
            ("nobody-here", None, "postgres", "has no user with this name"),
            ("coatcheck", None, "nothing-here", "has no database with this name"),
            ("keeper", "made-up-right", "postgres", "isn't allowed to create or change tables"),
        ],
    )
    def test_what_the_server_refuses(
        self,
        make_app: MakeApp,
        strict_server: Postgres,
        monkeypatch: pytest.MonkeyPatch,
        user: str,
        password: str | None,
        database: str,
        cause: str,
    ) -> None:
        monkeypatch.setenv("PGPASSFILE", "/nonexistent")
        url = strict_server.admin.set(username=user, password=password, database=database)
        line = said(make_app, url, "upgrade")
        assert cause in line
        assert database not in line

    def test_no_server(self, make_app: MakeApp) -> None:
        line = said(make_app, "postgresql://me:made-up-pass@127.0.0.1:9/app", "upgrade")
        assert "isn't responding" in line
        assert "start the database server, or correct DATABASE_URL" in line
        assert "made-up-pass" not in line

    def test_no_such_host(self, make_app: MakeApp) -> None:
        line = said(make_app, "postgresql://me:made-up-pass@nowhere.invalid/app", "upgrade")
        assert "the host of the database server can't be found" in line
