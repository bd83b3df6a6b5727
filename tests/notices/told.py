"""What the outbox holds, and receivers that answer as a test says; sends nothing anywhere."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Lock
from typing import Any

from sqlalchemy import select

from webapp.database import reading, writing
from webapp.models import Notification
from webapp.notify import ReceiverAnswer
from webapp.services.notifications import delivery, outbox
from webapp.services.runtime import Runtime

TAKEN = ReceiverAnswer(204, "204")
BROKEN = ReceiverAnswer(500, "500")
GONE = ReceiverAnswer(410, "410")
SILENT = ReceiverAnswer(None, "no connection")


class Receiver:
    """Answers each notice with the next answer; the last one stays. Safe for threads."""

    def __init__(self, *answers: ReceiverAnswer) -> None:
        """Take the answers in their order."""
        self._answers = list(answers)
        self._lock = Lock()
        #: Message ids and bodies, as they came.
        self.came: list[tuple[str, str]] = []

    def __call__(self, message_id: str, body: str) -> ReceiverAnswer:
        """Take one notice."""
        with self._lock:
            self.came.append((message_id, body))
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def rows() -> list[Notification]:
    """Return every notice, oldest first, detached."""
    with reading() as session:
        return list(session.scalars(select(Notification).order_by(Notification.id)))


def the_row() -> Notification:
    """Return the only notice. Raises AssertionError if there are more or none."""
    (row,) = rows()
    return row


def told(event: str = "") -> list[dict[str, Any]]:
    """Return the data of all notices, or those of one event, oldest first."""
    return [json.loads(row.body)["data"] for row in rows() if event in ("", row.event)]


def events() -> list[str]:
    """Return the events, oldest first."""
    return [row.event for row in rows()]


def tell(runtime: Runtime, number: int = 0) -> str:
    """Put one notice into the outbox; return its message id."""
    data = {"open_id": f"made-up-{number}", "ticket": f"ct_{number:09}", "confirmed": True}
    with writing() as session:
        outbox.enqueue(session, runtime, runtime.clock(), "connection.revoked", data)
    return rows()[-1].message_id


def deliver(runtime: Runtime, receiver: Receiver) -> int:
    """Send what is due now, until nothing is; return how many went."""
    sent = 0
    with ThreadPoolExecutor(4) as senders:
        while count := delivery.deliver_due(runtime, receiver, senders):
            sent += count
    return sent


def seconds(later: Any, now: Any) -> float:
    """Return how long it is from now until then. Raises AssertionError if then is never."""
    assert later is not None
    wait: timedelta = later - now
    return wait.total_seconds()
