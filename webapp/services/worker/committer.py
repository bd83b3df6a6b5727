"""The one thread of a worker that stores answers, in groups, and the counters it keeps.

Many threads that commit by themselves lose answers to "database is locked" after TikTok has
replaced the token; one thread that commits groups loses none.
"""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from webapp.actor import Actor, act_as
from webapp.services.refresh.store import GROUP, store_answers
from webapp.services.refresh.verdicts import NotSent, Result
from webapp.services.runtime import Context, Runtime
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

LOG_EVERY = 60.0


@dataclass
class Counters:
    """What a worker has done since it began, by word."""

    counts: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, word: str) -> None:
        """Count one more."""
        with self.lock:
            self.counts[word] += 1

    def total(self) -> int:
        """Return how many connections were dealt with."""
        with self.lock:
            return sum(self.counts.values())

    def taken(self) -> dict[str, int]:
        """Return the counts so far."""
        with self.lock:
            return dict(self.counts)

    def since(self, before: dict[str, int]) -> dict[str, int]:
        """Return what was done since `taken` returned `before`, without what was not."""
        now = self.taken()
        grown = {word: count - before.get(word, 0) for word, count in now.items()}
        return {word: count for word, count in grown.items() if count}


class CounterLog:
    """Writes down what was done since the last line; nothing where that is nothing."""

    def __init__(self, tally: Counters) -> None:
        """Take what is counted."""
        self._tally = tally
        self._told: dict[str, int] = {}
        self._told_at = time.monotonic()

    def keep(self, under_way: int) -> None:
        """Write a line if the last one is a minute old."""
        if time.monotonic() - self._told_at >= LOG_EVERY:
            self.write(under_way)

    def write(self, under_way: int) -> None:
        """Write a line now."""
        self._told_at = time.monotonic()
        counts = self._tally.since(self._told)
        if counts:
            self._told = self._tally.taken()
            log.info("worked", **counts, under_way=under_way)


class Committer:
    """Takes results as they come and lands them until it is ended."""

    def __init__(
        self, runtime: Runtime, context: Context, tally: Counters, free: Callable[[int], None]
    ) -> None:
        """Take the runtime, what opens an app context, and whom to tell that results are in."""
        self._runtime = runtime
        self._context = context
        self._tally = tally
        self._free = free
        self._results: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._commit, name="committer")

    def start(self) -> None:
        """Begin to land what comes."""
        self._thread.start()

    def put(self, result: Result) -> None:
        """Take one result; it is landed soon."""
        self._results.put(result)

    def end(self) -> None:
        """Return when all that was put is in."""
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
                        self._tally.add(_word(result, stored))
                self._free(len(group))

    def _group(self) -> tuple[list[Result], bool]:
        """Return what is there, at least one and at most 64, and whether the end was among it."""
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
