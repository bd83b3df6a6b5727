"""What SQLite alone needs: its lock taken at BEGIN, durability by need, nothing left in the log."""

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask, current_app
from sqlalchemy import delete, func, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from webapp import database, disk_sync
from webapp.database import db, reading, scrub, writing
from webapp.files import sqlite_path
from webapp.models import SpentState
from webapp.services.worker import chores

NOW = datetime(2026, 11, 22, 14, 5, 30, tzinfo=UTC)
#: What `PRAGMA synchronous` answers.
NORMAL, FULL = 1, 2


@pytest.fixture(autouse=True)
def inside(app: Flask) -> Iterator[None]:
    """Every test here stands inside the app's context."""
    with app.app_context():
        yield


@pytest.fixture
def file() -> Path:
    """The file behind the app."""
    path = sqlite_path(db.engine)
    assert path is not None
    return path


def pragma(session: Session, name: str) -> object:
    return session.scalar(text(f"PRAGMA {name}"))


def add(*digests: str) -> None:
    with writing() as session:
        session.add_all(SpentState(digest=digest, spent_at=NOW) for digest in digests)


def count() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(SpentState)) or 0


def test_writing_holds_the_lock_from_its_first_moment(file: Path) -> None:
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as other:
        with writing(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")


def test_reading_holds_no_lock_that_keeps_writers_out(file: Path) -> None:
    connecting = sqlite3.connect(file, timeout=0, isolation_level=None)
    with closing(connecting) as other, reading() as session:
        session.scalars(select(SpentState)).all()
        other.execute("BEGIN IMMEDIATE")
        other.execute("COMMIT")


def test_writing_waits_for_another_process(app: Flask, file: Path) -> None:
    under_way = threading.Event()

    def write() -> None:
        under_way.set()
        with app.app_context():
            add("ours")

    with (
        closing(sqlite3.connect(file, isolation_level=None)) as other,
        ThreadPoolExecutor(1) as thread,
    ):
        other.execute("BEGIN IMMEDIATE")
        waiting = thread.submit(write)
        assert under_way.wait(5)
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        other.execute("COMMIT")
        waiting.result(10)
    assert count() == 1


def test_only_a_durable_commit_waits_for_the_disk() -> None:
    with writing(durable=True) as session:
        assert pragma(session, "synchronous") == FULL
    with writing() as session:
        assert pragma(session, "synchronous") == NORMAL
    with writing(durable=True) as session:
        assert pragma(session, "synchronous") == FULL


def test_every_connection_waits_binds_keys_and_overwrites() -> None:
    with reading() as first, writing() as second:
        for session in (first, second):
            assert pragma(session, "busy_timeout") == 10_000
            assert pragma(session, "foreign_keys") == 1
            assert pragma(session, "secure_delete") == 1
            assert pragma(session, "journal_mode") == "wal"


def test_what_was_deleted_is_in_no_file_after_scrubbing(file: Path) -> None:
    mark = "made-up-and-gone"
    add(mark)
    with writing() as session:
        session.execute(delete(SpentState))
    assert mark.encode() in everything_beside(file), "the log keeps it until it is scrubbed"
    scrub()
    assert mark.encode() not in everything_beside(file)


def test_a_reader_of_an_older_state_is_noticed_and_scrubbing_succeeds_after_it(
    app: Flask, file: Path
) -> None:
    mark = "made-up-and-gone"
    add(mark)
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM spent_states").fetchone()
        with writing() as session:
            session.execute(delete(SpentState))
        assert scrub(patient=False) is False
        assert mark.encode() in everything_beside(file)
        reader.execute("ROLLBACK")
    runtime = app.extensions["coatcheck"]
    for chore in chores.CHORES:
        chore(runtime, NOW)
    assert mark.encode() not in everything_beside(file)


def test_a_backup_while_people_write_is_whole(app: Flask, file: Path, tmp_path: Path) -> None:
    copy, stop = tmp_path / "backup.db", threading.Event()

    def write(thread: int) -> int:
        turn = 0
        with app.app_context():
            while not stop.is_set() or turn < 5:
                add(f"{thread}-{turn}-a", f"{thread}-{turn}-b")
                turn += 1
        return turn

    with ThreadPoolExecutor(4) as threads:
        writers = [threads.submit(write, thread) for thread in range(4)]
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
            while count() < 40:
                assert not any(writer.done() for writer in writers)
            before = count()
            source.backup(target)
        stop.set()
        total = 2 * sum(writer.result(20) for writer in writers)
    with closing(sqlite3.connect(copy)) as restored:
        assert restored.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        found = [row[0] for row in restored.execute("SELECT digest FROM spent_states")]
    assert before <= len(found) <= total == count()
    assert {name[:-1] for name in found if name.endswith("a")} == {
        name[:-1] for name in found if name.endswith("b")
    }, "a commit was cut in two"


def everything_beside(file: Path) -> bytes:
    """Return the bytes of the database, its log and its index."""
    return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))


def test_a_writer_whose_turn_never_comes_has_waited(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[tuple[float, float | None]] = []
    monkeypatch.setattr(database, "_observe", lambda *both: times.append(both))
    db.engine.dispose()
    monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 100)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError), writing():
            raise AssertionError("the lock is somebody else's")
    ((waited, held),) = times
    assert waited >= 0.09
    assert held is None


def test_who_commits_together_waits_for_the_disk_without_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another one writes meanwhile, and the first one is answered only after its sync."""
    syncing, goes_on = threading.Event(), threading.Event()

    def slow(_path: str) -> None:
        syncing.set()
        assert goes_on.wait(10)

    monkeypatch.setattr(disk_sync, "_sync_file", slow)
    app = current_app._get_current_object()  # type: ignore[attr-defined]  # a proxy has it

    def together() -> None:
        with app.app_context(), writing(durable=True, together=True) as session:
            session.add(SpentState(digest="a", spent_at=NOW))

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(together)
        assert syncing.wait(10)
        add("b")
        assert not first.done()
        goes_on.set()
        first.result(10)
    assert count() == 2


def test_a_log_that_does_not_reach_the_disk_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_path: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(disk_sync, "_sync_file", broken)
    with pytest.raises(OperationalError), writing(durable=True, together=True) as session:
        session.add(SpentState(digest="a", spent_at=NOW))


def test_without_a_log_each_commit_waits_itself(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db.engine.dispose()
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode=DELETE")
    monkeypatch.setattr(disk_sync, "_sync_file", lambda _path: pytest.fail("there is no log"))
    with writing(durable=True, together=True) as session:
        assert session.scalar(text("PRAGMA synchronous")) == FULL
