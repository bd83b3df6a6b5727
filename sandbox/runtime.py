"""Everything one running sandbox holds, in one place; never reaches another process's state."""

import threading
import time
from dataclasses import dataclass

from flask import current_app

from sandbox.codes import Codes
from sandbox.counters import Counters
from sandbox.faults import Faults
from sandbox.registration import Registration
from sandbox.settings import Knobs, Latency, Lifetimes, Manners
from sandbox.store import Books
from sandbox.webhooks import Webhooks

EXTENSION = "coatcheck.sandbox"


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of the pretend TikTok; they share one lock."""

    registration: Registration
    books: Books
    codes: Codes
    faults: Faults
    knobs: Knobs
    counters: Counters
    webhooks: Webhooks

    def forget(self) -> None:
        """Go back to how it was at the start."""
        self.faults.clear()
        self.knobs.lifetimes, self.knobs.manners = Lifetimes(), Manners()
        self.knobs.latency = Latency()
        self.webhooks.clear()
        self.books.clear()
        self.codes.clear()
        self.counters.clear()


def furnish(registration: Registration) -> Desk:
    """Return a fresh desk for one registered app."""
    lock = threading.RLock()
    knobs = Knobs(lock)
    return Desk(
        registration,
        Books(registration.client_key, knobs, time.time, lock),
        Codes(knobs, time.time, lock),
        Faults(lock),
        knobs,
        Counters(lock),
        Webhooks(registration, lock),
    )


def desk() -> Desk:
    """Return the desk of the app that serves this request."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Desk)  # noqa: S101  # for the type checker; app.py put it there
    return found
