"""Signs and sends TikTok's webhooks, each in its own thread, once, and records the result."""

import hashlib
import hmac
import itertools
import json
import threading
import time
from dataclasses import asdict, dataclass, field

import requests

from sandbox.settings import RegisteredApp

TIMEOUT = 10.0  # seconds to connect, and to wait for each part of the response
KEPT = 1_000  # deliveries


@dataclass(slots=True)
class Delivery:
    """One sent webhook: `status` is the receiver's HTTP status, `error` why there is none."""

    id: int
    event: str
    open_id: str
    url: str
    body: str
    timestamp: int
    status: int | None = None
    error: str | None = None
    done: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """A webhook to send; times in seconds since 1970, None means now.

    `timestamp` is the `t` of the signature, `tamper` breaks the signature. `client_key` None
    means the registered app's.
    """

    event: str
    open_id: str
    content: dict[str, object] = field(default_factory=dict)
    create_time: int | None = None
    timestamp: int | None = None
    client_key: str | None = None
    tamper: bool = False


class Webhooks:
    """The address that webhooks are sent to, and the result of each one."""

    def __init__(self, registered: RegisteredApp, lock: threading.RLock) -> None:
        self._registered = registered
        self._done = threading.Condition(lock)
        self._ids = itertools.count(1)
        self._deliveries: list[Delivery] = []
        self.url = registered.webhook_url

    def clear(self) -> None:
        """Forget every delivery and restore the address from start-up."""
        with self._done:
            self._deliveries.clear()
            self.url = self._registered.webhook_url

    def send(self, event: Event) -> int | None:
        """Start sending an event; return its delivery number, or None if no address is set."""
        now = int(time.time())
        with self._done:
            if self.url is None:
                return None
            timestamp = now if event.timestamp is None else event.timestamp
            delivery = Delivery(
                next(self._ids), event.event, event.open_id, self.url, "", timestamp
            )
            self._deliveries.append(delivery)
            del self._deliveries[:-KEPT]
        key = self._registered.client_key if event.client_key is None else event.client_key
        payload = {
            "client_key": key,
            "event": event.event,
            "create_time": now if event.create_time is None else event.create_time,
            "user_openid": event.open_id,
            "content": json.dumps(event.content),
        }
        delivery.body = json.dumps(payload, separators=(",", ":"))
        threading.Thread(target=self._post, args=(delivery, event.tamper), daemon=True).start()
        return delivery.id

    def results(self, wait: float) -> list[dict[str, object]]:
        """List all deliveries, after waiting up to `wait` seconds for those in progress."""
        with self._done:
            self._done.wait_for(lambda: all(one.done for one in self._deliveries), timeout=wait)
            return [asdict(one) for one in self._deliveries]

    def _post(self, delivery: Delivery, tamper: bool) -> None:
        body = delivery.body.encode()
        signed = signature(self._registered.client_secret, delivery.timestamp, body)
        signed = signed[::-1] if tamper else signed
        headers = {
            "Content-Type": "application/json",
            "TikTok-Signature": f"t={delivery.timestamp},s={signed}",
        }
        status, error = None, None
        try:
            with requests.Session() as session:
                session.trust_env = False
                response = session.post(
                    delivery.url,
                    data=body,
                    headers=headers,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                )
            status = response.status_code
        except requests.RequestException as failure:
            error = type(failure).__name__
        with self._done:
            delivery.status, delivery.error, delivery.done = status, error, True
            self._done.notify_all()


def signature(secret: str, timestamp: int | str, body: bytes) -> str:
    """Return the hex HMAC-SHA256 of `timestamp.body` (TikTok: webhook verification)."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
