"""The page of a database that is full, locked, read-only or away: not a fault of the program."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog
from flask import Flask
from psycopg.errors import DeadlockDetected, DiskFull
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from tests.views.bare_app import stage
from tests.views.reading import Reading
from webapp import database
from webapp.services.maintenance import database_errors

Act = Callable[[Path], object]


def locked(path: Path) -> None:
    with sqlite3.connect(path, isolation_level=None) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        run(f"sqlite:///{path}?timeout=0", "DELETE FROM t")


def run(url: str, *statements: str) -> None:
    with create_engine(url).begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def read_only(path: Path) -> None:
    run(f"sqlite:///file:{path}?mode=ro&uri=true", "DELETE FROM t")


def full(path: Path) -> None:
    grow = "INSERT INTO t VALUES (randomblob(1000000))"
    run(f"sqlite:///{path}", "PRAGMA max_page_count=2", grow)


def away(path: Path) -> None:
    run(f"sqlite:///{path.parent}/nowhere/app.db", "SELECT 1")


def server_away(_path: Path) -> None:
    run("postgresql+psycopg://nobody@127.0.0.1:9/app?connect_timeout=1", "SELECT 1")


def no_table(path: Path) -> None:
    run(f"sqlite:///{path}", "SELECT * FROM other")


def no_value(path: Path) -> None:
    run(f"sqlite:///{path}", "INSERT INTO t VALUES (NULL)")


def broken_by(act: Act, folder: Path) -> DBAPIError:
    """Return what SQLAlchemy raises for something done to a database with one table."""
    path = folder / "app.db"
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE t (a NOT NULL)")
    with pytest.raises(DBAPIError) as raised:
        act(path)
    return raised.value


@pytest.mark.parametrize("act", [locked, read_only, full, away, server_away])
def test_a_database_that_cannot_be_used_now_is_told_from_a_fault_of_ours(
    tmp_path: Path, act: Act
) -> None:
    assert database_errors.is_unavailable(broken_by(act, tmp_path))


@pytest.mark.parametrize("act", [no_table, no_value])
def test_a_wrong_statement_is_a_fault_of_ours(tmp_path: Path, act: Act) -> None:
    assert not database_errors.is_unavailable(broken_by(act, tmp_path))


def test_a_deadlock_of_postgresql_is_a_fault_of_ours() -> None:
    deadlock, full = DeadlockDetected("made up"), DiskFull("made up")
    assert not database_errors.is_unavailable(OperationalError("UPDATE", None, deadlock))
    assert database_errors.is_unavailable(OperationalError("UPDATE", None, full))


def test_threads_that_wait_in_vain_for_another_process_are_no_fault_of_ours(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 10)
    # As the thread that waits for the other process holds it.
    taken = database._one_writer
    with app.app_context(), taken, pytest.raises(OperationalError) as raised, database.writing():
        pass
    assert database_errors.is_unavailable(raised.value)


def test_a_pool_without_a_free_connection_is_no_fault_of_ours() -> None:
    assert database_errors.is_unavailable(NoFreeConnection())
    assert not database_errors.is_unavailable(TimeoutError())


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_the_page_says_what_to_do_and_the_log_needs_no_traceback(
    tmp_path: Path, accept: str
) -> None:
    error = broken_by(full, tmp_path)

    def fails() -> str:
        raise error

    app: Flask = stage()
    app.add_url_rule("/full", view_func=fails)
    with structlog.testing.capture_logs() as lines:
        answer = app.test_client().get("/full", headers={"Accept": accept})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "60"
    assert answer.headers["Cache-Control"] == "no-store"
    if accept == "text/html":
        page = Reading(answer.text)
        assert page.the("h1") == "Our database isn't responding"
        assert "Try again in about a minute." in page.text
    else:
        assert answer.get_json()["code"] == "database_down"
    (line,) = [each for each in lines if each["event"] == "database_unavailable"]
    assert line == {
        "event": "database_unavailable",
        "log_level": "error",
        "path": "/full",
        "code": "SQLITE_FULL",
    }


def test_a_file_for_whose_shared_memory_the_disk_has_no_room_is_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = broken_by(away, tmp_path)
    assert "cannot be opened" in database_errors.problem_of(error, tmp_path / "app.db").cause
    monkeypatch.setattr(database_errors, "has_no_room", lambda folder: folder == tmp_path)
    problem = database_errors.problem_of(error, tmp_path / "app.db")
    assert problem.cause == "the disk is full"
    assert problem.fix == "free some space, then try again"
