"""Sends calls to TikTok: one deadline, a size limit, no redirects, no proxy.

Mounted on every session that Authlib makes, in place of requests' own adapter: urllib3 has no
deadline for a whole answer, and doesn't say whether any part of a request was sent.
"""

import io
import ssl
import weakref
from collections import deque
from http.client import HTTPException, HTTPResponse
from time import monotonic
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter

from webapp.http_client.connection import Connection, Deadline, Origin, tls_context
from webapp.tiktok.errors import TryLater

#: Wall-clock time for one whole call: DNS, connect, handshake, request and answer (rule 28).
CALL_SECONDS = 10.0
#: The largest answer that is read, in bytes. TikTok's are smaller than 2,000.
ANSWER_BYTES = 256 * 1024
#: Idle connections are closed sooner than servers usually close them.
_IDLE_SECONDS = 15.0
#: One for each thread of a web process: with fewer, sign-ins at the same time open new ones.
_IDLE_CONNECTIONS = 64


class Transport(BaseAdapter):
    """Sends a request and returns the whole answer, or raises TryLater. Shared by all threads.

    A request with `Connection: close` uses a fresh connection that is closed afterwards. Refresh
    and revoke need this: if a reused connection dies, it is unknown what happened to the grant.
    All others share the pool.
    """

    def __init__(
        self,
        *,
        seconds: float = CALL_SECONDS,
        answer_bytes: int = ANSWER_BYTES,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Set the deadline of a call in seconds, and the size limit of an answer in bytes."""
        super().__init__()
        self._seconds = seconds
        self._answer_bytes = answer_bytes
        self._tls = tls or tls_context()
        self._pool = _Pool()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: object = None,
        verify: object = True,
        cert: object = None,
        proxies: object = None,
    ) -> requests.Response:
        """Return TikTok's complete answer, whatever its status.

        All parameters but `request` are ignored: this transport decides on deadline, verification
        and route. Raises TryLater; its `outcome_unknown` says if TikTok may have acted.
        """
        connection = self._connection(request)
        try:
            connection.ready(Deadline(self._seconds))
            response = self._exchange(connection, request)
        except (OSError, HTTPException) as error:
            connection.close()
            # Not chained: the texts may quote what was sent or received.
            raise _failure(error, sent=connection.sent) from None
        except BaseException:
            connection.close()
            raise
        self._pool.put(connection)
        return response

    def close(self) -> None:
        """Do nothing: sessions close their adapters, but this one is shared by all of them."""

    def _connection(self, request: requests.PreparedRequest) -> Connection:
        url = urlsplit(str(request.url))
        port = url.port or (443 if url.scheme == "https" else 80)
        origin = Origin(url.scheme, url.hostname or "", port)
        fresh = request.headers.get("Connection") == "close"
        return (None if fresh else self._pool.take(origin)) or Connection(origin, self._tls)

    def _exchange(
        self, connection: Connection, request: requests.PreparedRequest
    ) -> requests.Response:
        # No compression, so a small answer can't unpack into a huge one.
        headers = {**request.headers, "Accept-Encoding": "identity"}
        connection.request(str(request.method), request.path_url, request.body, headers)
        connection.flush()
        with connection.getresponse() as head:
            body = head.read(self._answer_bytes + 1)
            if len(body) > self._answer_bytes:
                raise TryLater("answer_too_big", status=head.status, outcome_unknown=True)
            if head.length:
                raise HTTPException("cut short")
            if request.headers.get("Connection") == "close" or not head.isclosed():
                connection.close()
            return _response(request, head, body)


class _Pool:
    """Idle connections, last used first. Thread-safe: both ends of a deque are atomic."""

    def __init__(self) -> None:
        self._idle: deque[tuple[float, Connection]] = deque()
        weakref.finalize(self, _close_all, self._idle)

    def take(self, origin: Origin) -> Connection | None:
        """Return a connection that is still usable, or None."""
        while True:
            try:
                since, connection = self._idle.pop()
            except IndexError:
                return None
            fresh = monotonic() - since < _IDLE_SECONDS
            if fresh and connection.origin == origin and connection.usable():
                return connection
            connection.close()

    def put(self, connection: Connection) -> None:
        """Keep a connection for the next call if it is open, and close the oldest ones."""
        if connection.sock is None:
            return
        self._idle.append((monotonic(), connection))
        while len(self._idle) > _IDLE_CONNECTIONS or self._oldest_is_stale():
            try:
                self._idle.popleft()[1].close()
            except IndexError:
                return

    def _oldest_is_stale(self) -> bool:
        try:
            return monotonic() - self._idle[0][0] >= _IDLE_SECONDS
        except IndexError:
            return False


def _close_all(idle: deque[tuple[float, Connection]]) -> None:
    for _since, connection in idle:
        connection.close()


def _failure(error: OSError | HTTPException, *, sent: bool) -> TryLater:
    if isinstance(error, TimeoutError):
        return TryLater("timeout", outcome_unknown=sent, reached=False)
    if isinstance(error, OSError):
        code = "connection_lost" if sent else "no_connection"
        return TryLater(code, outcome_unknown=sent, reached=False)
    return TryLater("answer_cut_short", outcome_unknown=True)


def _response(
    request: requests.PreparedRequest, head: HTTPResponse, body: bytes
) -> requests.Response:
    response = requests.Response()
    response.status_code = head.status
    response.headers.update(head.getheaders())
    # requests parses a redirect's target even if it doesn't follow it.
    response.headers.pop("Location", None)
    response.raw = io.BytesIO(body)
    response.url = str(request.url)
    response.request = request
    return response
