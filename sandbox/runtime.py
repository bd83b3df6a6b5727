"""The running mock: its parts, its counters, and the path that every TikTok call takes."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Response, current_app

from sandbox.faults import Faults, apply
from sandbox.responses import API_STATUS, FLAT, error_payload, json_response
from sandbox.settings import RegisteredApp, Settings
from sandbox.store import Store
from sandbox.webhooks import Webhooks

EXTENSION = "coatcheck.sandbox"


class Counters:
    """Calls by endpoint and outcome, faults and trap hits since the start or the last reset.

    Never keeps what a call carried.
    """

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self.clear()

    def clear(self) -> None:
        """Reset every counter to zero."""
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
        """Count one fault applied to a call."""
        with self._lock:
            self._faults[f"{call}.{kind}"] += 1

    def count_trap_hit(self, method: str, *, body: bool, authorization: bool) -> None:
        """Record that a client followed a redirect, and whether it sent a body or a token."""
        with self._lock:
            self._trap.append({"method": method, "body": body, "authorization": authorization})

    def enter(self) -> None:
        """Count a TikTok call that begins."""
        with self._lock:
            self._open += 1
            self._peak = max(self._peak, self._open)

    def leave(self) -> None:
        """Count a TikTok call that ends."""
        with self._lock:
            self._open -= 1

    def as_json(self) -> dict[str, object]:
        """Return all counts, as `GET /control/counters` shows them."""
        with self._lock:
            return {
                "calls": {call: dict(outcomes) for call, outcomes in self._calls.items()},
                "faults": dict(self._faults),
                "trap": list(self._trap),
                "trap_hits": len(self._trap),
                "open_calls": self._open,
                "peak_open_calls": self._peak,
            }


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of one running mock; they share one lock."""

    registered: RegisteredApp
    store: Store
    faults: Faults
    settings: Settings
    counters: Counters
    webhooks: Webhooks

    def forget(self) -> None:
        """Return to the state at start-up."""
        self.faults.clear()
        self.settings.reset()
        self.webhooks.clear()
        self.store.clear()
        self.counters.clear()


def new_runtime(registered: RegisteredApp) -> Runtime:
    """Return an empty mock for one registered app."""
    lock = threading.RLock()
    settings = Settings(lock)
    return Runtime(
        registered,
        Store(registered.client_key, settings, time.time, lock),
        Faults(lock),
        settings,
        Counters(lock),
        Webhooks(registered, lock),
    )


def runtime() -> Runtime:
    """Return the runtime of the app that serves this request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Runtime)  # noqa: S101  # for the type checker; app.py put it there
    return found


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a call: body (None: empty), `ok` or TikTok's error code, HTTP status."""

    payload: Mapping[str, object] | None
    code: str = "ok"
    status: int = 200


def failure(endpoint: str, code: str, description: str) -> Outcome:
    """Return an error in the endpoint's format, with the status that TikTok uses for it."""
    status = runtime().settings.behavior.error_status if endpoint in FLAT else API_STATUS[code]
    return Outcome(error_payload(endpoint, code, description), code, status)


def serve(endpoint: str, work: Callable[[], Outcome], grant_type: str | None = None) -> Response:
    """Run one call through latency, faults and counters, and return its response.

    Waits without holding the lock.
    """
    here = runtime()
    call = f"{endpoint}.{grant_type}" if grant_type else endpoint
    here.counters.enter()
    try:
        here.settings.wait(endpoint, after=False)
        fault = here.faults.take(endpoint, grant_type)
        if fault is None or fault.after:
            outcome = work()
            here.counters.count(call, outcome.code)
            true_response = json_response(outcome.payload, outcome.status)
        else:
            here.counters.count(call, "fault")
            true_response = None
        here.settings.wait(endpoint, after=True)
    finally:
        here.counters.leave()
    if fault is None:
        assert true_response is not None  # noqa: S101  # the work was done: for the type checker
        return true_response
    here.counters.count_fault(call, fault.kind)
    return apply(fault, true_response)
