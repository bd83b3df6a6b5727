"""An HTTP connection with one deadline for the whole call: DNS, connect, TLS, send and receive.

A timeout of `requests` or `http.client` limits each single wait, so a peer that sends one byte per
second never times out. Here every wait gets only the time that is left until the deadline.
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

#: A result of getaddrinfo: family, kind, protocol, canonical name, address.
Address = tuple[
    socket.AddressFamily,
    socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
]
#: How long DNS results are reused. A lookup costs a thread, and a worker makes hundreds of calls a
#: second to one host.
_DNS_CACHE_SECONDS = 10.0
_dns_cache: dict[tuple[str, int], tuple[float, Sequence[Address]]] = {}


class Origin(NamedTuple):
    """Where a connection leads."""

    scheme: str
    host: str
    port: int


class Deadline:
    """The time by which a call must have ended."""

    def __init__(self, seconds: float) -> None:
        """Start now and end in so many seconds."""
        self._ends = monotonic() + seconds

    def left(self) -> float:
        """Return the seconds left, more than 0. Raises TimeoutError if there are none."""
        left = self._ends - monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Connection(HTTPConnection):
    """A connection that gets a deadline before each use. Raises OSError, also TimeoutError."""

    deadline: Deadline
    #: True once a byte of the request may have been sent; before that the peer can't have acted.
    sent: bool

    def __init__(self, origin: Origin, tls: ssl.SSLContext) -> None:
        """Prepare a connection; `ready` opens it."""
        super().__init__(origin.host, origin.port)
        self.origin = origin
        self._tls = tls if origin.scheme == "https" else None
        # The Host header leaves out the scheme's default port.
        self.default_port = 443 if self._tls else 80
        self.auto_open = 0

    def ready(self, deadline: Deadline) -> None:
        """Set the deadline of the next call, and open the connection if it is closed."""
        self.deadline = deadline
        self.sent = False
        self._held = b""
        if self.sock is None:
            self.connect()

    def connect(self) -> None:
        """Look up the host, connect and do the TLS handshake within the deadline."""
        sock = _open_socket(self.host, self.port, self.deadline)
        if self._tls is not None:
            try:
                sock.settimeout(self.deadline.left())
                sock = self._tls.wrap_socket(sock, server_hostname=self.host)
            except BaseException:
                sock.close()
                raise
        self.sock = sock

    def usable(self) -> bool:
        """Return True if an idle connection can be reused.

        One with something to read was closed by the peer, or has an unexpected answer waiting.
        """
        if self.sock is None:
            return False
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return not poll.poll(0)

    def send(self, data: object) -> None:
        """Buffer what http.client sends until the request is complete (`flush`)."""
        self._held += cast(bytes, data)

    def flush(self) -> None:
        """Send the buffer within the deadline, and set `sent`.

        Head and body go out together: two packets would wake the peer twice.
        """
        self.sock.settimeout(self.deadline.left())
        self.sent = True
        self.sock.sendall(self._held)
        self._held = b""

    def getresponse(self) -> HTTPResponse:
        """Return the response, of which head and body are read within the deadline."""
        original, bounded = self.sock, _BoundedSocket(self.sock, self.deadline)
        self.sock = cast(socket.socket, bounded)
        try:
            return super().getresponse()
        finally:
            # http.client drops the socket if the answer ends with the connection.
            self.sock = original if self.sock is not None else None


class _BoundedSocket:
    """What http.client needs of a socket to read an answer."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_BoundedReader(self._sock, self._deadline))

    def close(self) -> None:
        self._sock.close()


class _BoundedReader(io.RawIOBase):
    """Reads from a socket; each wait is limited to the time left until the deadline."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline
        # Keeps the socket open until the answer has been read: http.client relies on it.
        self._file = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:  # type: ignore[override]  # noqa: E501  # typeshed's WriteableBuffer is no runtime type
        self._sock.settimeout(self._deadline.left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()


@cache
def tls_context() -> ssl.SSLContext:
    """Return the TLS context of this process, made once because reading the CA bundle takes 20 ms.

    Certificates are verified against the CA bundle of requests.
    """
    # Imported here because a process that makes no call needs nothing else of requests.
    from requests.utils import DEFAULT_CA_BUNDLE_PATH

    context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _open_socket(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; each gets an equal share of the time left."""
    addresses = _addresses_of(host, port, deadline.left())
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
    # None of the addresses answered, so look the host up again next time.
    _dns_cache.pop((host, port), None)
    raise failure


def _addresses_of(host: str, port: int, seconds: float) -> Sequence[Address]:
    """Return the addresses of a host, cached for ten seconds.

    Raises OSError if there are none, TimeoutError if the lookup takes longer than `seconds`.
    """
    since, addresses = _dns_cache.get((host, port), (0.0, ()))
    if addresses and monotonic() - since < _DNS_CACHE_SECONDS:
        return addresses
    return _look_up(host, port, seconds)


def _look_up(host: str, port: int, seconds: float) -> Sequence[Address]:
    """Look up a host in a thread of its own, because the system's resolver can't be interrupted.

    The thread ends when the resolver gives up, but is waited for no longer than `seconds`.
    """
    results: queue.SimpleQueue[Sequence[Address] | OSError] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            results.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            results.put(OSError("no such host"))

    threading.Thread(target=resolve, name="lookup", daemon=True).start()
    try:
        addresses = results.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(addresses, OSError):
        raise addresses
    _dns_cache[host, port] = (monotonic(), addresses)
    return addresses
