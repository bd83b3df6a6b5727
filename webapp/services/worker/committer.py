"""The one thread of a worker that stores answers, in groups, and the worker's counters.

If many threads commit, answers are lost to "database is locked" after TikTok has replaced the
token. One thread that commits groups loses none.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from webapp.actor import Actor, act_as
from webapp.services.refresh.answer_store import GROUP, store_answers
from webapp.services.refresh.verdicts import NotSent, Result
from webapp.services.runtime import Context, Runtime
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

#: Seconds between two log lines of the counters.
LOG_EVERY = 60.0


@dataclass
class Counters:
    """What a worker has done since it started, counted by word."""

    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, word: str) -> None:
        """Count one more."""
        with self.lock:
            self.counts[word] += 1

    def total(self) -> int:
        """Return how many connections were handled."""
        with self.lock:
            return sum(self.counts.values())

    def snapshot(self) -> dict[str, int]:
        """Return the counts so far."""
        with self.lock:
            return dict(self.counts)

    def since(self, before: dict[str, int]) -> dict[str, int]:
        """Return what was done since `snapshot` returned `before`, without zeros."""
        now = self.snapshot()
        grown = {word: count - before.get(word, 0) for word, count in now.items()}
        return {word: count for word, count in grown.items() if count}


class CounterLog:
    """Logs what was done since the last line; no line if nothing was."""

    def __init__(self, counters: Counters) -> None:
        """Take the counters to log."""
        self._counters = counters
        self._logged: dict[str, int] = {}
        self._logged_at = time.monotonic()

    def write_if_due(self, under_way: int) -> None:
        """Write a line if the last one is a minute old."""
        if time.monotonic() - self._logged_at >= LOG_EVERY:
            self.write(under_way)

    def write(self, under_way: int) -> None:
        """Write a line now."""
        self._logged_at = time.monotonic()
        counts = self._counters.since(self._logged)
        if counts:
            self._logged = self._counters.snapshot()
            log.info("worker_progress", **counts, under_way=under_way)


class Committer:
    """Takes results as they come and stores them until `end` is called."""

    def __init__(
        self, runtime: Runtime, context: Context, counters: Counters, free: Callable[[int], None]
    ) -> None:
        """Take `free`, which is called with the number of results stored."""
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
