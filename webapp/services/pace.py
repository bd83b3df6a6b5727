"""How fast a worker may go and what it has done; reads no table."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field


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


class Pace:
    """A bucket of refreshes that fills at REFRESH_RATE and holds one second's worth."""

    def __init__(self, rate: float) -> None:
        """Take refreshes a second."""
        self._rate = self._allowed = rate
        self._filled = min(1.0, rate)
        self._at = time.monotonic()

    def allowance(self, part: float) -> int:
        """Return how many may go out now, at this part of the rate."""
        now = time.monotonic()
        rate = self._allowed = self._rate * part
        self._filled = min(max(rate, 1.0), self._filled + (now - self._at) * rate)
        self._at = now
        return int(self._filled)

    def spend(self, count: int) -> None:
        """Take so many out of the bucket."""
        self._filled -= count

    def wait(self) -> float:
        """Return the seconds until the next one may go out; 0: now."""
        return max(0.0, (1 - self._filled) / self._allowed)
