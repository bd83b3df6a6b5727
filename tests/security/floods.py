"""Hundreds of connections that hold back what a server waits for; holds no test."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from tests.servers import plain_session

#: What a client sends before it waits, by the name of the attack.
KINDS: dict[str, bytes] = {
    "half a head": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-a: ",
    "a slow body": b"POST /theme HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900\r\n\r\ntheme",
    "slow chunks": (
        b"POST /theme HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\ntheme\r\n7\r\n=d"
    ),
    "nothing": b"",
    "a body that is too large": (
        b"POST /theme HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999\r\n\r\ntheme"
    ),
    "an answer and no end": b"GET /healthz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n",
}


@contextmanager
def flood(origin: str, sent: bytes, number: int, *, receive: int = 0) -> Iterator[None]:
    """Hold this many connections that have sent `sent`; with `receive`, of so small a buffer."""
    parts = urlsplit(origin)
    with ExitStack() as stack:
        for _ in range(number):
            connection = stack.enter_context(socket.socket())
            connection.settimeout(10)
            if receive:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
            connection.connect((parts.hostname, parts.port))
            connection.sendall(sent)
        yield


def longest_wait(origin: str, seconds: float, *, most: float = 90) -> float:
    """Return the longest time that /healthz took, each on a new connection, in so many seconds.

    It waits for the last answer, but for `most` seconds at most.
    """
    longest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        longest = max(longest, _time(lambda: _ask(origin, most)))
        time.sleep(0.05)
    return longest


def _time(act: Callable[[], None]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _ask(origin: str, most: float) -> None:
    end = time.monotonic() + most
    with plain_session() as session:
        while True:
            try:
                answer = session.get(f"{origin}/healthz", timeout=max(end - time.monotonic(), 0.1))
            except OSError:
                if time.monotonic() > end:
                    return
                continue
            assert answer.status_code == 200
            return
