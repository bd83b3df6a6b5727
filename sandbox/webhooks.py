"""Sends TikTok's signed notices in threads of their own and keeps how it went; never retries."""

import itertools
import json
import threading
import time
from dataclasses import asdict, dataclass, field

import requests

from sandbox.registration import Registration
from sandbox.signing import signature

TIMEOUT = 10.0  # seconds for the whole answer's next byte
KEPT = 1_000


@dataclass(slots=True)
class Delivery:
    """One notice: `status` is what the receiver answered, `error` why nobody did."""

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
class Notice:
    """What to send. `timestamp` is the signature's `t` (seconds), `tamper` breaks the signature."""

    event: str
    open_id: str
    content: dict[str, object] = field(default_factory=dict)
    create_time: int | None = None
    timestamp: int | None = None
    client_key: str | None = None
    tamper: bool = False


class Webhooks:
    """The address for notices and what became of each one."""

    def __init__(self, registration: Registration, lock: threading.RLock) -> None:
        self._registration = registration
        self._done = threading.Condition(lock)
        self._ids = itertools.count(1)
        self._deliveries: list[Delivery] = []
        self.url = registration.webhook_url

    def clear(self) -> None:
        """Forget what was sent and go back to the first address."""
        with self._done:
            self._deliveries.clear()
            self.url = self._registration.webhook_url

    def send(self, notice: Notice) -> int | None:
        """Begin to send a notice; returns its number, or None when no address is set."""
        now = int(time.time())
        with self._done:
            if self.url is None:
                return None
            timestamp = now if notice.timestamp is None else notice.timestamp
            delivery = Delivery(
                next(self._ids), notice.event, notice.open_id, self.url, "", timestamp
            )
            self._deliveries.append(delivery)
            del self._deliveries[:-KEPT]
        key = self._registration.client_key if notice.client_key is None else notice.client_key
        payload = {
            "client_key": key,
            "event": notice.event,
            "create_time": now if notice.create_time is None else notice.create_time,
            "user_openid": notice.open_id,
            "content": json.dumps(notice.content),
        }
        delivery.body = json.dumps(payload, separators=(",", ":"))
        threading.Thread(target=self._post, args=(delivery, notice.tamper), daemon=True).start()
        return delivery.id

    def results(self, wait: float) -> list[dict[str, object]]:
        """List all notices, after waiting up to `wait` seconds for those under way."""
        with self._done:
            self._done.wait_for(lambda: all(one.done for one in self._deliveries), timeout=wait)
            return [asdict(one) for one in self._deliveries]

    def _post(self, delivery: Delivery, tamper: bool) -> None:
        body = delivery.body.encode()
        seal = signature(self._registration.client_secret, delivery.timestamp, body)
        seal = seal[::-1] if tamper else seal
        headers = {
            "Content-Type": "application/json",
            "TikTok-Signature": f"t={delivery.timestamp},s={seal}",
        }
        status, error = None, None
        try:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(
                    delivery.url,
                    data=body,
                    headers=headers,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                )
            status = answer.status_code
        except requests.RequestException as failure:
            error = type(failure).__name__
        with self._done:
            delivery.status, delivery.error, delivery.done = status, error, True
            self._done.notify_all()
