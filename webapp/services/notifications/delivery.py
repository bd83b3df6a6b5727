"""Delivers notifications while the worker refreshes: one thread polls, a few threads send."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy.exc import SQLAlchemyError

from webapp.actor import Actor, act_as
from webapp.models import Notification
from webapp.notify import ReceiverAnswer, Send, Sender
from webapp.services.notifications import outbox
from webapp.services.runtime import Context, Runtime

log = structlog.get_logger(__name__)

#: Sent concurrently, so a slow receiver delays all of them by ten seconds, not each of them.
WIDTH = 8
#: Seconds between two polls of the outbox, and between two cleanups of it.
POLL_EVERY = 1.0
CLEAN_EVERY = 3600.0


def make_sender(runtime: Runtime) -> Sender | None:
    """Return the sender to NOTIFY_URL; None if that is not set."""
    settings = runtime.settings
    if not settings.notify_url:
        return None
    return Sender(settings.notify_url, settings.notify_secret.get_secret_value(), runtime.clock)


def send_test(runtime: Runtime) -> ReceiverAnswer:
    """Send a test notification immediately, without the outbox."""
    send = make_sender(runtime)
    if send is None:
        return ReceiverAnswer(None, "NOTIFY_URL is not set")
    return send(outbox.new_id(), outbox.body_of("test.ping", runtime.clock(), {}))


def deliver_due(runtime: Runtime, send: Send, senders: ThreadPoolExecutor) -> int:
    """Send what is due, eight at most, and store the results; return how many were sent."""
    now = runtime.clock()
    if not outbox.is_due(now):
        return 0
    claimed = outbox.claim(now, WIDTH)
    answers = senders.map(lambda due: _sent(send, due), claimed)
    outbox.store_results(list(zip(claimed, answers, strict=True)), runtime.clock())
    return len(claimed)


def _sent(send: Send, due: Notification) -> ReceiverAnswer:
    try:
        return send(due.message_id, due.body)
    except Exception as error:  # noqa: BLE001  one that cannot be sent must not stop the others
        log.error("notification_crashed", message=due.message_id, error=type(error).__name__)
        return ReceiverAnswer(None, type(error).__name__)


class Delivery:
    """Delivers until `end` is called; one for each worker."""

    def __init__(self, runtime: Runtime, context: Context) -> None:
        """Store the runtime, and a function that opens an app context in a thread."""
        self._runtime = runtime
        self._context = context
        self._send: Send | None = make_sender(runtime)
        #: Someone waits for the end: do not pause any more.
        self._hurry = threading.Event()
        self._stop = threading.Event()
        self._cleaned_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="notifications")

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Send nothing more; what is being sent is finished, in ten seconds at most."""
        self._stop.set()
        self._hurry.set()

    def end(self, *, drain: bool) -> None:
        """Return when nothing is being sent; `drain`: and nothing is due any more."""
        if not drain:
            self._stop.set()
        self._hurry.set()
        self._thread.join()

    def _run(self) -> None:
        act_as(Actor("worker"))
        with self._context(), ThreadPoolExecutor(WIDTH, "notify") as senders:
            while not self._stop.is_set():
                if self._poll(senders):
                    continue
                if self._hurry.is_set():
                    return
                self._hurry.wait(POLL_EVERY)

    def _poll(self, senders: ThreadPoolExecutor) -> int:
        """Send what is due; return how many were sent."""
        try:
            self._clean()
            return deliver_due(self._runtime, self._send, senders) if self._send else 0
        except SQLAlchemyError as error:
            log.warning("delivery_poll_failed", error=type(error).__name__)
        except Exception as error:  # noqa: BLE001  without this thread nothing would be delivered
            log.error("delivery_crashed", error=type(error).__name__)
        return 0

    def _clean(self) -> None:
        """Remove old notifications, once an hour."""
        passed = time.monotonic()
        if self._cleaned_at is None or passed - self._cleaned_at >= CLEAN_EVERY:
            self._cleaned_at = passed
            outbox.remove_old(self._runtime.clock())
