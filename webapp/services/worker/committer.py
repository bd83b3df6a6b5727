"""The one thread of a worker that stores answers, in groups, and the worker's counters.

If many threads commit, answers are lost to "database is locked" after TikTok has replaced the
token. One thread that commits groups loses none.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable

import structlog

from webapp.actor import Actor, act_as
from webapp.services.refresh.answer_store import GROUP, store_answers
from webapp.services.refresh.verdicts import NotSent, Result
from webapp.services.runtime import Context, Runtime
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

#: Seconds between two log lines of the counters.
LOG_EVERY = 60.0


class Counters:
    """What a worker has done since it started, counted by word."""

    def __init__(self) -> None:
        """Start with nothing counted and nothing logged."""
        self._counts = Counter[str]()
        self._lock = threading.Lock()
        self._logged = Counter[str]()
        self._logged_at = time.monotonic()

    def add(self, word: str) -> None:
        """Count one more."""
        with self._lock:
            self._counts[word] += 1

    def total(self) -> int:
        """Return how many connections were handled."""
        with self._lock:
            return self._counts.total()

    def snapshot(self) -> dict[str, int]:
        """Return the counts so far."""
        with self._lock:
            return dict(self._counts)

    def log_if_due(self, under_way: int) -> None:
        """Log if the last time was a minute ago."""
        if time.monotonic() - self._logged_at >= LOG_EVERY:
            self.log(under_way)

    def log(self, under_way: int) -> None:
        """Log what was done since the last line; no line if nothing was."""
        self._logged_at = time.monotonic()
        counted = Counter(self.snapshot())
        if grown := counted - self._logged:
            log.info("worker_progress", **grown, under_way=under_way)
        self._logged = counted


class Committer:
    """Takes results as they come and stores them until `end` is called."""

    def __init__(
        self, runtime: Runtime, context: Context, counters: Counters, free: Callable[[int], None]
    ) -> None:
        """Store `free`, which is called with the number of results that were saved."""
        self._runtime = runtime
        self._context = context
        self._counters = counters
        self._free = free
        self._results: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._commit, name="committer")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, result: Result) -> None:
        """Take one result; it is stored soon."""
        self._results.put(result)

    def end(self) -> None:
        """Wait until all queued results are stored, then stop the thread."""
        self._results.put(None)
        self._thread.join()

    def _commit(self) -> None:
        act_as(Actor("worker"))
        with self._context():
            ended = False
            while not ended:
                group, ended = self._group()
                if not group:
                    continue
                for result, stored in zip(group, store_answers(self._runtime, group), strict=True):
                    if not isinstance(result.answer, NotSent):
                        self._counters.add(_word(result, stored))
                self._free(len(group))

    def _group(self) -> tuple[list[Result], bool]:
        """Wait for results; return 1 to 64 of them (or none), and True if `end` was called."""
        first = self._results.get()
        if first is None:
            return [], True
        group = [first]
        while len(group) < GROUP:
            try:
                more = self._results.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return group, True
            group.append(more)
        return group, False


def _word(result: Result, stored: bool) -> str:
    if isinstance(result.answer, TokenSet):
        return "refreshed" if stored else "came_late"
    return "failed"
