"""Waits until a file is on the disk, once for everyone who waits at the same time."""

import errno
import os
import threading
from time import monotonic

#: Without the times of the file, where the system can, as SQLite does it.
_sync_data = getattr(os, "fdatasync", os.fsync)
#: A disk that takes longer keeps only the thread that asked it; the others give up, in seconds.
LONGEST = 10.0


class SharedSync:
    """Writes one file's data to the disk. Thread-safe."""

    def __init__(self) -> None:
        """Begin with nothing to wait for."""
        self._change = threading.Condition()
        #: How many syncs have begun and ended; one at a time.
        self._begun = self._ended = 0
        #: The numbers of syncs that failed, with their errors, while someone may still ask.
        self._failures: dict[int, OSError] = {}
        self._waiting = 0

    def wait(self, path: str) -> None:
        """Return when everything that was written to this file before the call is on the disk.

        A sync that began earlier may have missed some of it, so it is the next one that counts.
        Raises OSError for everyone who waited for a sync that failed: after that, another sync says
        nothing about their data; and for those who waited LONGEST. A file that is gone needs none.
        """
        until = monotonic() + LONGEST
        with self._change:
            mine = self._begun + 1
            self._waiting += 1
            try:
                while self._ended < mine:
                    if self._begun == self._ended:
                        self._sync(path)
                    elif not self._change.wait(until - monotonic()):
                        raise OSError(errno.ETIMEDOUT, "not on the disk yet")
                failure = self._failures.get(mine)
            finally:
                self._waiting -= 1
                if not self._waiting:
                    self._failures.clear()
        if failure is not None:
            raise OSError(failure.errno, "not on the disk")

    def _sync(self, path: str) -> None:
        """Sync for all who wait by now, without keeping others from beginning to wait."""
        self._begun += 1
        self._change.release()
        failure: OSError | None = OSError(errno.EINTR, "interrupted")
        try:
            _sync_file(path)
            failure = None
        except OSError as error:
            failure = error
        finally:
            self._change.acquire()
            self._ended += 1
            if failure is not None:
                self._failures[self._ended] = failure
            self._change.notify_all()


def _sync_file(path: str) -> None:
    # Opened each time, as the name may belong to another file by now. Close no database this way:
    # that would drop the locks that SQLite holds on it in this process.
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return
    try:
        _sync_data(descriptor)
    finally:
        os.close(descriptor)
