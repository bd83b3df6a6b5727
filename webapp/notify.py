"""Sends one signed notification to NOTIFY_URL, once, and returns the result.

It follows no redirects and uses no proxy: a notification names people, so it goes only to the
address in the settings. The result is stored in English and shown in the reader's language.
"""

import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from urllib.parse import urlsplit

from standardwebhooks import Webhook

from webapp.clock import Clock
from webapp.http_client.connection import Connection, Deadline, Origin, tls_context
from webapp.http_client.retry_after import retry_after
from webapp.language import Text
from webapp.language import deferred_gettext as _

CERTIFICATE = _("certificate not trusted")
CONNECTION_LOST = _("connection lost")
NO_CONNECTION = _("no connection")
NO_HTTP = _("not an HTTP response")
_WORDS: dict[str, Text] = {
    word: word for word in (CERTIFICATE, CONNECTION_LOST, NO_CONNECTION, NO_HTTP)
}
_TIMED_OUT = re.compile(r"no answer within ([0-9.e+-]+) s")

#: The longest one whole call may take: name resolution, connect, handshake, request and answer.
CALL_SECONDS = 10.0
#: How much of an answer is read, so the receiver can finish sending it; it is not used.
ANSWER_BYTES = 16 * 1024
#: The receiver says that it will never accept notifications again.
GONE = 410


def no_answer_within(seconds: float) -> Text:
    """Return the text for a timeout after this time."""
    return _("no answer within %(seconds)s s", seconds=f"{seconds:g}")


def stored_word(stored: str | None) -> str | None:
    """Return a stored result as a text to show; a status or an error's name stays as it is."""
    timeout = _TIMED_OUT.fullmatch(stored or "")
    if timeout:
        return no_answer_within(float(timeout[1]))
    return _WORDS.get(stored, stored) if stored else None


@dataclass(frozen=True, slots=True)
class ReceiverAnswer:
    """What a receiver answered to one notification."""

    #: None: there was no answer.
    status: int | None
    #: For people: the status, or what happened instead; never a text sent by the receiver.
    word: str
    #: How many seconds the receiver asked us to wait, at most an hour.
    wait: int = 0

    @property
    def taken(self) -> bool:
        """Return True if the receiver accepted it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Return True if the receiver will never accept any."""
        return self.status == GONE


#: Sends a body under a message id, and never raises.
Send = Callable[[str, str], ReceiverAnswer]


class Sender:
    """Sends to one address with one secret. Shared by all threads."""

    def __init__(
        self,
        url: str,
        secret: str,
        clock: Clock,
        *,
        seconds: float = CALL_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Store the address, the `whsec_…` secret, and the deadline of a call in seconds."""
        to = urlsplit(url)
        port = to.port or (443 if to.scheme == "https" else 80)
        self._origin = Origin(to.scheme, to.hostname or "", port)
        self._target = f"{to.path or '/'}?{to.query}" if to.query else to.path or "/"
        self._webhook = Webhook(secret)
        self._clock = clock
        self._seconds = seconds
        self._tls = tls or tls_context()

    def __call__(self, message_id: str, body: str) -> ReceiverAnswer:
        """Sign and send the body, and return the result. Raises no network errors."""
        connection = Connection(self._origin, self._tls)
        try:
            connection.ready(Deadline(self._seconds))
            return self._exchange(connection, message_id, body)
        except ssl.SSLCertVerificationError:
            return ReceiverAnswer(None, CERTIFICATE)
        except TimeoutError:
            return ReceiverAnswer(None, no_answer_within(self._seconds))
        except OSError:
            return ReceiverAnswer(None, CONNECTION_LOST if connection.sent else NO_CONNECTION)
        except (HTTPException, ValueError):
            return ReceiverAnswer(None, NO_HTTP)
        finally:
            connection.close()

    def _exchange(self, connection: Connection, message_id: str, body: str) -> ReceiverAnswer:
        now = self._clock()
        headers = self._headers(message_id, body, now)
        connection.request("POST", self._target, body.encode(), headers)
        connection.flush()
        with connection.getresponse() as head:
            wait = retry_after(head.getheader("Retry-After"), now) or 0
            # The status is known, so the rest of the answer does not matter.
            with suppress(OSError, HTTPException):
                head.read(ANSWER_BYTES)
            return ReceiverAnswer(
                head.status, str(head.status), wait if head.status in (429, 503) else 0
            )

    def _headers(self, message_id: str, body: str, now: datetime) -> dict[str, str]:
        return {
            "Content-Type": "application/json",
            "User-Agent": "Coatcheck",
            "Accept-Encoding": "identity",
            "Connection": "close",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(message_id, now, body),
        }
