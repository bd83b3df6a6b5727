"""Reaching TikTok's host within a deadline: names, addresses, the first bare socket; sends nothing.

A timeout of `requests` or `http.client` bounds each single wait, so a peer that sends one byte a
second is never late. Here every wait gets what is left of the one deadline of the whole call.
"""

import queue
import socket
import threading
from collections.abc import Sequence
from time import monotonic

#: What getaddrinfo gives: family, kind, protocol, canonical name, address.
_Address = tuple[
    socket.AddressFamily,
    socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
]


#: A look-up costs a thread; a worker makes hundreds of calls a second to one host.
_KNOWN_SECONDS = 10.0
_addresses: dict[tuple[str, int], tuple[float, Sequence[_Address]]] = {}


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


def reach(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address that answers; each gets an even share of what is left.

    Raises OSError, TimeoutError too.
    """
    addresses = _known(host, port) or _look_up(host, port, deadline)
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
    _addresses.pop((host, port), None)
    raise failure


def _known(host: str, port: int) -> Sequence[_Address]:
    """Return what the last look-up found, if that was just now; empty if not."""
    since, addresses = _addresses.get((host, port), (0.0, ()))
    return addresses if monotonic() - since < _KNOWN_SECONDS else ()


def _look_up(host: str, port: int, deadline: Deadline) -> Sequence[_Address]:
    """Return the host's addresses. Raises OSError if there are none, TimeoutError if it is slow.

    The system's resolver cannot be interrupted, so it runs in a thread of its own that ends when
    the resolver gives up, and is not waited for any longer than the deadline.
    """
    found: queue.SimpleQueue[Sequence[_Address] | OSError] = queue.SimpleQueue()

    def look() -> None:
        try:
            found.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError):
            found.put(OSError("no such host"))

    threading.Thread(target=look, name="tiktok-lookup", daemon=True).start()
    try:
        addresses = found.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(addresses, OSError):
        raise addresses
    _addresses[host, port] = (monotonic(), addresses)
    return addresses
