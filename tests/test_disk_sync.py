"""Many who wait for the disk share a sync, but never one that began before they had written."""

import errno
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.test_disconnect_waits import until
from webapp import disk_sync
from webapp.disk_sync import SharedSync

WAITING = 8


class Disk:
    """A disk whose syncs end when the test says so."""

    def __init__(self) -> None:
        self.syncs = 0
        self.broken: set[int] = set()
        self._turns = threading.Semaphore(0)

    def sync(self, _path: str) -> None:
        self.syncs += 1
        number = self.syncs
        assert self._turns.acquire(timeout=10)
        if number in self.broken:
            raise OSError(errno.EIO, "broken")

    def end(self, count: int = 1) -> None:
        self._turns.release(count)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    found = Disk()
    monkeypatch.setattr(disk_sync, "_sync_file", found.sync)
    return found


class Waiters:
    """Threads that wait for one file, and what came of it."""

    def __init__(self) -> None:
        self.shared = SharedSync()
        self.done: list[str] = []
        self._threads: list[threading.Thread] = []

    def add(self, count: int, then: Callable[[], object] = lambda: None) -> None:
        def wait() -> None:
            try:
                self.shared.wait("made-up-log")
            except OSError as error:
                self.done.append(f"error {error.errno}")
            else:
                self.done.append("ok")

        started = [threading.Thread(target=wait) for _ in range(count)]
        for thread in started:
            thread.start()
        self._threads += started
        then()

    def join(self) -> list[str]:
        for thread in self._threads:
            thread.join(10)
        return sorted(self.done)


def test_those_who_wait_meanwhile_share_the_next_sync(disk: Disk) -> None:
    waiters = Waiters()
    waiters.add(1)
    until(lambda: disk.syncs == 1)
    waiters.add(WAITING)
    until(lambda: waiters.shared._waiting == 1 + WAITING)
    disk.end()
    until(lambda: disk.syncs == 2)
    assert waiters.done == ["ok"], "the first sync began before the others had written"
    disk.end()
    assert waiters.join() == ["ok"] * (1 + WAITING)
    assert disk.syncs == 2


def test_a_failure_is_everyones_who_relied_on_it_and_nobody_elses(disk: Disk) -> None:
    disk.broken = {2}
    waiters = Waiters()
    waiters.add(1)
    until(lambda: disk.syncs == 1)
    waiters.add(2)
    until(lambda: waiters.shared._waiting == 3)
    disk.end()
    until(lambda: disk.syncs == 2)
    waiters.add(1)
    until(lambda: waiters.shared._waiting == 3)
    disk.end(2)
    assert waiters.join() == [f"error {errno.EIO}"] * 2 + ["ok"] * 2
    assert disk.syncs == 3
    assert not waiters.shared._failures


def test_a_disk_that_hangs_keeps_only_the_thread_that_asked_it(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_sync, "LONGEST", 0.05)
    waiters = Waiters()
    waiters.add(1)
    until(lambda: disk.syncs == 1)
    waiters.add(WAITING)
    until(lambda: len(waiters.done) == WAITING)
    assert waiters.done == [f"error {errno.ETIMEDOUT}"] * WAITING
    disk.end()
    assert waiters.join() == sorted([f"error {errno.ETIMEDOUT}"] * WAITING + ["ok"])


def test_a_file_that_is_gone_needs_no_sync(tmp_path: Path) -> None:
    SharedSync().wait(str(tmp_path / "gone-wal"))


def test_the_file_of_that_name_is_synced_and_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a-wal"
    path.write_bytes(b"committed")
    synced: list[int] = []

    def sync(descriptor: int) -> None:
        synced.append(path.stat().st_ino)
        assert Path(f"/proc/self/fd/{descriptor}").readlink() == path

    monkeypatch.setattr(disk_sync, "_sync_data", sync)
    SharedSync().wait(str(path))
    assert len(synced) == 1
