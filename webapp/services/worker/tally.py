"""What a worker has done, and one log line of it a minute; reads no table."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)

TELL_EVERY = 60.0


@dataclass
class Tally:
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


class Diary:
    """Writes down what was done since the last line; nothing where that is nothing."""

    def __init__(self, tally: Tally) -> None:
        """Take what is counted."""
        self._tally = tally
        self._told: dict[str, int] = {}
        self._told_at = time.monotonic()

    def keep(self, under_way: int) -> None:
        """Write a line if the last one is a minute old."""
        if time.monotonic() - self._told_at >= TELL_EVERY:
            self.write(under_way)

    def write(self, under_way: int) -> None:
        """Write a line now."""
        self._told_at = time.monotonic()
        counts = self._tally.since(self._told)
        if counts:
            self._told = self._tally.taken()
            log.info("worked", **counts, under_way=under_way)
