"""What came of a notice, in words that are kept in English and shown in every language.

Sends one signed notice to NOTIFY_URL and says what came of it; never tries twice by itself.

No redirect is followed and no proxy is asked: a notice names people, so it goes where the setting
says and nowhere else.
"""

import re
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from urllib.parse import SplitResult, urlsplit

from standardwebhooks import Webhook

from webapp.clock import Clock
from webapp.http_client.connection import Connection, Deadline, Origin, tls_context
from webapp.http_client.retry_after import retry_after
from webapp.language import Text
from webapp.language import deferred_gettext as _

CERTIFICATE = _("certificate not trusted")
CONNECTION_LOST = _("connection lost")
NO_CONNECTION = _("no connection")
NO_HTTP = _("answer that is no HTTP")
_WORDS: dict[str, Text] = {
    word: word for word in (CERTIFICATE, CONNECTION_LOST, NO_CONNECTION, NO_HTTP)
}
_SILENT = re.compile(r"no answer within ([0-9.e+-]+) s")


def no_answer_within(seconds: float) -> Text:
    """Return that no answer came within this time."""
    return _("no answer within %(seconds)s s", seconds=f"{seconds:g}")


def stored_word(kept: str | None) -> str | None:
    """Return what was kept as it can be shown: a status or an error's name as it is."""
    found = _SILENT.fullmatch(kept or "")
    if found:
        return no_answer_within(float(found[1]))
    return _WORDS.get(kept, kept) if kept else None


#: Wall clock for one whole call: look-up, connect, handshake, request and answer.
CALL_SECONDS = 10.0
#: So much of an answer is read, for the receiver's sake; what it says is of no use here.
ANSWER_BYTES = 16 * 1024
#: The receiver is not there any more, and says so.
GONE = 410


@dataclass(frozen=True, slots=True)
class ReceiverAnswer:
    """What a receiver said to one notice."""

    #: None: no answer came.
    status: int | None
    #: For people: the status, or what happened instead of an answer; never a text of the peer's.
    word: str
    #: Seconds that the receiver asked to be left alone, at most an hour.
    wait: int = 0

    @property
    def taken(self) -> bool:
        """Whether the receiver has taken it: any 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver will never take any."""
        return self.status == GONE


#: Sends the body under the message id, and never raises.
Send = Callable[[str, str], ReceiverAnswer]


class Sender:
    """Sends to one address under one secret. Shared by all threads."""

    def __init__(
        self,
        url: str,
        secret: str,
        clock: Clock,
        *,
        seconds: float = CALL_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take where to send, the `whsec_…` secret, and the deadline of a call in seconds."""
        self._url = urlsplit(url)
        self._webhook = Webhook(secret)
        self._clock = clock
        self._seconds = seconds
        self._tls = tls or tls_context()

    def __call__(self, message_id: str, body: str) -> ReceiverAnswer:
        """Send the body, signed now, and return what came of it. Raises nothing of the network."""
        connection = Connection(_origin(self._url), self._tls)
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
        target = self._url.path or "/"
        if self._url.query:
            target += f"?{self._url.query}"
        connection.request("POST", target, body.encode(), self._headers(message_id, body, now))
        connection.flush()
        with connection.getresponse() as head:
            wait = retry_after(head.getheader("Retry-After"), now) or 0
            # Its status has come: whatever happens to the rest, that is the answer.
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


def _origin(url: SplitResult) -> Origin:
    return Origin(
        url.scheme, url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    )
