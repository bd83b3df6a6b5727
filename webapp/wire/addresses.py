"""Which addresses a host has, looked up within a time; opens no connection."""

import queue
import socket
import threading
from collections.abc import Sequence
from time import monotonic

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


def forget(host: str, port: int) -> None:
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
