"""`flask db backup FILE`: a complete file for this user alone, or none and the reason."""

import os
import re
import resource
import shlex
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import flask_migrate
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import create_engine, make_url

from tests import databases
from tests.commands.people import join_due
from tests.commands.terminal import FLASK, command
from tests.commands.test_copy import contents
from tests.fixtures.app import MakeApp
from tests.missing import missing
from tests.processes import ROOT, Process, plain_environment, running
from tests.servers import Sandbox
from webapp.database import db
from webapp.services.maintenance import backup
from webapp.services.runtime import Runtime


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Let new files be readable by all, as with many a service."""
    before = os.umask(0)
    yield
    os.umask(before)


def database_of(app: Flask) -> Path:
    """Return the app's SQLite file."""
    return Path(str(make_url(app.config["SQLALCHEMY_DATABASE_URI"]).database))


def refused(run: Result, why: str) -> None:
    """Check that a command made nothing and said why, in one line."""
    assert (run.exit_code, run.stdout) == (1, "")
    (line,) = run.stderr.splitlines()
    assert line.startswith("no backup was made: ")
    assert why in line


@pytest.mark.usefixtures("open_umask")
def test_it_holds_every_row_and_only_this_user_may_read_it(
    app: Flask, runtime: Runtime, sandbox: Sandbox, tmp_path: Path
) -> None:
    join_due(runtime, sandbox, "mara", "tomas")
    before = contents(db.engine)
    file = tmp_path / "backups" / "copy.db"
    file.parent.mkdir()
    run = command(app, "db", "backup", str(file))
    rows = sum(map(len, before.values())) + 1  # the migration
    assert (run.exit_code, run.stdout) == (0, f"{rows} rows (0.2 MB) backed up to {file}\n")
    assert "TOKEN_KEYS" in run.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    engine = create_engine(f"sqlite:///{file}")
    assert contents(engine) == before
    with engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    engine.dispose()


#: Commits without a pause, but not for ever: a backup that starts again with every commit would
#: never end.
WRITER = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
end = time.monotonic() + 15
while time.monotonic() < end:
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT INTO left_hand VALUES (1)")
    database.execute("INSERT INTO right_hand VALUES (1)")
    database.execute("COMMIT")
    print("written", flush=True)
"""


def test_it_is_one_moment_of_a_database_that_others_write_to_without_a_pause(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_STEP", 64)
    database = database_of(app)
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE left_hand (n)")
        connection.execute("CREATE TABLE right_hand (n)")
        # Enough pages for many commits during one backup.
        connection.execute("CREATE TABLE filling AS SELECT zeroblob(40000000) AS bytes")
    log = tmp_path / "writer.log"
    with running(
        Process([sys.executable, "-c", WRITER, str(database)], log, env=plain_environment())
    ) as writer:
        writer.wait_for(lambda: "written" in writer.output() or None)
        run = command(app, "db", "backup", str(tmp_path / "copy.db"))
        assert writer.popen.poll() is None, "the backup waited for the writer"
        writer.kill()
    assert run.exit_code == 0
    with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        (left,) = copy.execute("SELECT count(*) FROM left_hand").fetchone()
        (right,) = copy.execute("SELECT count(*) FROM right_hand").fetchone()
    assert left == right > 0


def test_an_existing_file_is_kept_unless_forced(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("yesterday's", encoding="utf-8")
    refused(
        command(app, "db", "backup", str(file)),
        "already exists: choose a different file, or add --force",
    )
    assert file.read_text(encoding="utf-8") == "yesterday's"
    assert command(app, "db", "backup", "--force", str(file)).exit_code == 0
    assert file.read_bytes().startswith(b"SQLite format 3")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_appears_meanwhile_is_kept(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "copy.db"
    verified = backup._verified

    def meanwhile(draft: Path) -> int:
        assert not file.exists()
        file.write_text("somebody else's", encoding="utf-8")
        return verified(draft)

    monkeypatch.setattr(backup, "_verified", meanwhile)
    refused(command(app, "db", "backup", str(file)), "has appeared in the meantime")
    assert file.read_text(encoding="utf-8") == "somebody else's"
    assert sorted(tmp_path.glob(".*")) == []


def test_no_name_that_would_do_harm_is_taken_even_if_forced(app: Flask, tmp_path: Path) -> None:
    database = database_of(app)
    before = database.read_bytes()
    (tmp_path / "hard").hardlink_to(database)
    (tmp_path / "soft").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "logged-wal").write_text("of another", encoding="utf-8")
    for name, why in {
        "app.db": "is the database itself",
        "app.db-wal": "is the database itself",
        "hard": "is the database itself",
        "soft": "is not a plain file",
        "logged": "is the log of another database",
        ".": "is a folder",
        "nowhere/copy.db": "there is no folder",
    }.items():
        refused(command(app, "db", "backup", "--force", str(tmp_path / name)), why)
    assert database.read_bytes() == before
    assert not (tmp_path / "elsewhere").exists()


def test_without_links_the_file_still_appears_whole_and_replaces_nothing(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_paths: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    file = tmp_path / "copy.db"
    assert command(app, "db", "backup", str(file)).exit_code == 0
    assert sorted(tmp_path.glob(".*")) == []
    with pytest.raises(FileExistsError):
        backup._put(file, file)


@pytest.mark.long
def test_a_disk_that_is_full_is_told_and_nothing_is_left(
    app: Flask, env: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()

    def small_files_only() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    run = subprocess.run(
        [*FLASK, "db", "backup", str(folder / "copy.db")],
        cwd=ROOT,
        env=plain_environment() | env,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=small_files_only,
    )
    assert (run.returncode, run.stdout) == (1, "")
    assert f"there isn't enough space for {folder}/copy.db: it needs 0.2 MB" in run.stderr
    assert "Free some space" in run.stderr
    assert "Traceback" not in run.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["SQLITE_FULL", "ENOSPC"])
def test_each_way_to_say_that_a_disk_is_full_is_understood(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    error: Exception = OSError(28, "No space left on device")
    if name == "SQLITE_FULL":
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = name

    def full(*_paths: Path) -> None:
        raise error

    monkeypatch.setattr(backup, "_copy", full)
    refused(command(app, "db", "backup", str(tmp_path / "copy.db")), "there isn't enough space")
    assert sorted(tmp_path.glob("*copy.db*")) == []


def test_sigterm_leaves_no_incomplete_file(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def terminated(draft: Path) -> int:
        assert draft.exists()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        return 0

    monkeypatch.setattr(backup, "_verified", terminated)
    run = command(app, "db", "backup", str(tmp_path / "copy.db"))
    assert run.exit_code == 128 + signal.SIGTERM
    assert sorted(tmp_path.glob("*copy.db*")) == []
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_damaged_database_is_told_and_leaves_no_backup(app: Flask, tmp_path: Path) -> None:
    database = database_of(app)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    whole = database.read_bytes()
    file = tmp_path / "copy.db"
    database.write_bytes(b"no database" * 9000)
    refused(command(app, "db", "backup", str(file)), "the database cannot be read")
    database.write_bytes(whole[:40_960] + os.urandom(40_960) + whole[81_920:])
    refused(command(app, "db", "backup", str(file)), "damaged")
    database.unlink()
    refused(command(app, "db", "backup", str(file)), "no database yet: run flask db upgrade")
    assert not file.exists()


def test_a_database_of_an_older_release_is_backed_up_before_its_upgrade(
    app: Flask, runtime: Runtime, tmp_path: Path
) -> None:
    flask_migrate.downgrade(revision="0006")
    assert command(app, "db", "backup", str(tmp_path / "copy.db")).exit_code == 0


def test_the_line_for_postgresql_can_be_pasted_and_has_no_password(
    make_app: MakeApp,
) -> None:
    app = make_app(
        DATABASE_URL="postgresql+psycopg://me:made-up-a@127.0.0.1:9/app"
        "?sslmode=require&sslpassword=made-up-b&password=made-up-c"
    )
    run = command(app, "db", "backup", "it's mine.dump")
    assert "made-up" not in run.output
    line = run.stdout.strip()
    assert line.startswith("(umask 077 && pg_dump ")
    assert shlex.split(line.strip("()"))[3:] == [
        "pg_dump",
        "--format=custom",
        "--file=it's mine.dump",
        "postgresql://me@127.0.0.1:9/app?sslmode=require",
    ]


@pytest.mark.postgres
def test_on_postgresql_it_prints_a_line_that_works_and_has_no_password(
    make_app: MakeApp,
    postgres_server: databases.Postgres,
    sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    if shutil.which("pg_dump") is None or shutil.which("pg_restore") is None:
        missing("no pg_dump or pg_restore: PostgreSQL's programs are not on the PATH")
    source = postgres_server.create()
    url = source.set(password="made-up-pass").update_query_dict({"connect_timeout": "5"})
    app = make_app(DATABASE_URL=url.render_as_string(hide_password=False))
    assert command(app, "db", "upgrade").exit_code == 0
    with app.app_context():
        join_due(app.extensions["coatcheck"], sandbox, "mara")
        before = contents(db.engine)
    file = tmp_path / "my dump"
    run = command(app, "db", "backup", str(file))
    assert run.exit_code == 1, "it would be taken for a backup"
    assert "no backup was made: PostgreSQL has its own backup program" in run.stderr
    assert "made-up-pass" not in run.output
    assert not file.exists()
    line = run.stdout.strip()
    assert "pg_dump" in line
    subprocess.run(["/bin/sh", "-c", line], check=True, env=plain_environment(), timeout=60)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    refused(command(app, "db", "backup", str(file)), "already exists")
    assert command(app, "db", "backup", "--force", str(file)).stdout.strip() == line
    with app.app_context():
        join_due(app.extensions["coatcheck"], sandbox, "tomas")
        db.engine.dispose()
    operate = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    documented = re.search("`(pg_restore .+?) --dbname=.+ copy.dump`", operate)
    assert documented
    address = source.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run(
        [*documented[1].split(), f"--dbname={address}", str(file)],
        check=True,
        env=plain_environment(),
        timeout=60,
    )
    with app.app_context():
        assert contents(db.engine) == before
    with app.app_context():
        db.engine.dispose()
    postgres_server.drop(source)
