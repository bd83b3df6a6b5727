"""How fast a worker may go; reads no table."""

import time


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
