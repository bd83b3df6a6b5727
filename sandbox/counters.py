"""Counts calls by endpoint and outcome, faults and traps; never keeps what a call carried."""

import threading
from collections import Counter


class Counters:
    """What happened since the start or the last `POST /control/forget`."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self.clear()

    def clear(self) -> None:
        """Begin at nought."""
        with self._lock:
            self._calls: dict[str, Counter[str]] = {}
            self._faults: Counter[str] = Counter()
            self._trap: list[dict[str, object]] = []
            self._open = self._peak = 0

    def count(self, call: str, outcome: str) -> None:
        """Count one finished call."""
        with self._lock:
            self._calls.setdefault(call, Counter())[outcome] += 1

    def count_fault(self, call: str, kind: str) -> None:
        """Count one fault that hit a call."""
        with self._lock:
            self._faults[f"{call}.{kind}"] += 1

    def trapped(self, method: str, *, body: bool, authorization: bool) -> None:
        """Remember that somebody followed a redirect, and whether it carried anything."""
        with self._lock:
            self._trap.append({"method": method, "body": body, "authorization": authorization})

    def enter(self) -> None:
        """Count a provider call that begins."""
        with self._lock:
            self._open += 1
            self._peak = max(self._peak, self._open)

    def leave(self) -> None:
        """Count a provider call that ends."""
        with self._lock:
            self._open -= 1

    def as_json(self) -> dict[str, object]:
        """Return all counts."""
        with self._lock:
            return {
                "calls": {call: dict(outcomes) for call, outcomes in self._calls.items()},
                "faults": dict(self._faults),
                "trap": list(self._trap),
                "trap_hits": len(self._trap),
                "open_calls": self._open,
                "peak_open_calls": self._peak,
            }
