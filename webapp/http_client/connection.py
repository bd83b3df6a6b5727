"""Which addresses a host has, looked up within a time; opens no connection.

The TLS of every call out: verified against requests' bundle of authorities; opens nothing.

One HTTP connection on which no wait outlasts its deadline; knows nothing of what is said on it.

A timeout of `requests` or `http.client` bounds each single wait, so a peer that sends one byte a
second is never late. Here every wait gets what is left of the one deadline of the whole call.
"""

import io
import queue
import select
import socket
import ssl
import threading
from collections.abc import Sequence
from functools import cache
from http.client import HTTPConnection, HTTPResponse
from time import monotonic
from typing import NamedTuple, cast

from requests.utils import DEFAULT_CA_BUNDLE_PATH

#: What getaddrinfo gives: family, kind, protocol, canonical name, address.
Address = tuple[
    socket.AddressFamily,
    socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
]
#: A look-up costs a thread; a worker makes hundreds of calls a second to one host.
_KNOWN_SECONDS = 10.0
_known: dict[tuple[str, int], tuple[float, Sequence[Address]]] = {}


def addresses_of(host: str, port: int, seconds: float) -> Sequence[Address]:
    """Return what the last look-up found, if that was just now; else look the host up.

    Raises OSError if there are none, TimeoutError if that takes longer than `seconds`.
    """
    since, addresses = _known.get((host, port), (0.0, ()))
    if addresses and monotonic() - since < _KNOWN_SECONDS:
        return addresses
    return _look_up(host, port, seconds)


def forget_addresses(host: str, port: int) -> None:
    """Look this host up anew next time: none of its addresses answered."""
    _known.pop((host, port), None)


def _look_up(host: str, port: int, seconds: float) -> Sequence[Address]:
    """Return the host's addresses.

    The system's resolver cannot be interrupted, so it runs in a thread of its own that ends when
    the resolver gives up, and is not waited for any longer than it may take.
    """
    found: queue.SimpleQueue[Sequence[Address] | OSError] = queue.SimpleQueue()

    def look() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            found.put(OSError("no such host"))

    threading.Thread(target=look, name="lookup", daemon=True).start()
    try:
        addresses = found.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(addresses, OSError):
        raise addresses
    _known[host, port] = (monotonic(), addresses)
    return addresses


@cache
def tls_context() -> ssl.SSLContext:
    """Return the process's one TLS context; reading the CA bundle costs 20 ms, so it is once."""
    context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Origin(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int


class Deadline:
    """The moment at which a call has taken long enough."""

    def __init__(self, seconds: float) -> None:
        """Start now; end in so many seconds of wall clock."""
        self._ends = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left, more than 0. Raises TimeoutError if none are."""
        left = self._ends - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Connection(HTTPConnection):
    """A connection that is given a deadline before each use. Raises OSError, TimeoutError too."""

    deadline: Deadline
    #: Whether a byte of the request may have left: before that, nothing can have happened.
    sent: bool

    def __init__(self, origin: Origin, tls: ssl.SSLContext) -> None:
        """Prepare a connection; it is opened by `ready`."""
        super().__init__(origin.host, origin.port)
        self.origin = origin
        self._tls = tls if origin.scheme == "https" else None
        # For the Host header, which leaves the scheme's own port out.
        self.default_port = 443 if self._tls else 80
        self.auto_open = 0

    def ready(self, deadline: Deadline) -> None:
        """Bind what follows to a deadline, and open the connection if it is not."""
        self.deadline = deadline
        self.sent = False
        self._held = b""
        if self.sock is None:
            self.connect()

    def connect(self) -> None:
        """Look the host up, connect and shake hands within the deadline."""
        sock = _reach(self.host, self.port, self.deadline)
        if self._tls is not None:
            try:
                sock.settimeout(self.deadline.left())
                sock = self._tls.wrap_socket(sock, server_hostname=self.host)
            except BaseException:
                sock.close()
                raise
        self.sock = sock

    def usable(self) -> bool:
        """Tell whether an idle connection still stands; a readable one was closed or is dirty."""
        if self.sock is None:
            return False
        watch = select.poll()
        watch.register(self.sock, select.POLLIN)
        return not watch.poll(0)

    def send(self, data: object) -> None:
        """Hold what http.client wants to send until the request is whole (`flush`)."""
        self._held += cast(bytes, data)

    def flush(self) -> None:
        """Send all that is held within the deadline, and remember that something was sent.

        Head and body in one piece: two would wake the peer twice, and under TLS be two records.
        """
        self.sock.settimeout(self.deadline.left())
        self.sent = True
        self.sock.sendall(self._held)
        self._held = b""

    def getresponse(self) -> HTTPResponse:
        """Return the answer's head; head and body are read within the deadline."""
        bounded = _BoundedSocket(self.sock, self.deadline)
        whole, self.sock = self.sock, cast(socket.socket, bounded)
        try:
            return super().getresponse()
        finally:
            # http.client drops the socket of an answer that ends with the connection.
            self.sock = whole if self.sock is not None else None


class _BoundedSocket:
    """What http.client sees of the socket while it makes an answer: something to read from."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._sock, self._deadline))

    def close(self) -> None:
        self._sock.close()


class _BoundedReader(io.RawIOBase):
    """The socket's bytes; each wait is as long as the deadline leaves."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        # Keeps the socket open until the answer is read, as http.client counts on.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:  # type: ignore[override]  # noqa: E501  # typeshed's WriteableBuffer is no runtime type
        self._sock.settimeout(self._deadline.left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


def _reach(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; each gets an even share of what is left."""
    addresses = addresses_of(host, port, deadline.left())
    failure: OSError = OSError("no address")
    for position, (family, kind, protocol, _name, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(deadline.left() / (len(addresses) - position))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    forget_addresses(host, port)
    raise failure
