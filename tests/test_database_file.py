"""The SQLite file is made for its owner alone, whole, and once; an address is made absolute."""

import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask

from tests.processes import Process, plain_environment
from webapp.database import writing
from webapp.files import absolute_url, ensure_file
from webapp.models import SpentState

#: Waits for the file `go`, so that all begin in the same moment.
MAKE = """
import sys, pathlib
from webapp.files import ensure_file
folder = pathlib.Path(sys.argv[1])
print("ready", flush=True)
while not (folder / "go").exists():
    pass
for number in range(20):
    ensure_file(folder / "new" / f"{number}.db")
"""


@pytest.fixture(autouse=True)
def _careless_umask() -> Iterator[None]:
    """Nothing here may lean on the umask."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def journal(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_a_new_file_is_its_owners_alone_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "instance" / "app.db"
    ensure_file(path)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert journal(path) == "wal"
    assert [each.name for each in path.parent.iterdir()] == ["app.db"]


def test_a_loose_file_is_tightened_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS n")
        connection.commit()
    path.chmod(0o644)
    ensure_file(path)
    assert mode(path) == 0o600
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT n FROM t").fetchall() == [(7,)]


def test_a_folder_that_was_there_is_left_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    ensure_file(folder / "app.db")
    assert mode(folder) == 0o755


def test_the_log_and_the_index_are_as_closed_as_the_file(app: Flask, tmp_path: Path) -> None:

    (tmp_path / "app.db").chmod(0o600)
    with app.app_context():
        with writing() as session:
            session.add(SpentState(digest="a", spent_at=datetime.now(UTC)))
        beside = sorted(tmp_path.glob("app.db*"))
        assert len(beside) == 3
        assert {mode(path) for path in beside} == {0o600}


@pytest.mark.long
def test_four_processes_at_once_make_one_file(tmp_path: Path) -> None:
    args = [sys.executable, "-c", MAKE, str(tmp_path)]
    makers = [Process(args, tmp_path / f"log-{n}", env=plain_environment()) for n in range(4)]
    for maker in makers:
        maker.wait_for(lambda maker=maker: "ready" in maker.output() or None)
    (tmp_path / "go").touch()
    for maker in makers:
        assert maker.wait(30) == 0, maker.output()
    made = sorted((tmp_path / "new").iterdir())
    assert len(made) == 20
    assert {path.suffix for path in made} == {".db"}, "a draft was left behind"
    assert {(mode(path), journal(path)) for path in made} == {(0o600, "wal")}


@pytest.mark.parametrize(
    ("url", "absolute"),
    [
        ("sqlite:///instance/app.db", "sqlite:////srv/coatcheck/instance/app.db"),
        ("sqlite:///../app.db", "sqlite:////srv/app.db"),
        ("sqlite:////var/lib/app.db", "sqlite:////var/lib/app.db"),
        (
            "postgresql+psycopg://me:made%20up@db.example.com/app?sslmode=require",
            "postgresql+psycopg://me:made%20up@db.example.com/app?sslmode=require",
        ),
    ],
)
def test_a_relative_path_is_taken_from_the_folder_of_the_code(url: str, absolute: str) -> None:
    assert absolute_url(url, Path("/srv/coatcheck")) == absolute
