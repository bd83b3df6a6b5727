"""Ways to send a finished answer badly: late, cut, byte by byte, not at all; never decides when."""

import socket
import struct
import time
from collections.abc import Iterator

from sandbox.http_server import Answer, Delivery

CHUNK = 65_536


def hung_up(connection: socket.socket, seconds: float) -> bool:
    """Wait up to `seconds` and tell whether the caller closed the connection meanwhile."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        connection.settimeout(left)
        try:
            if not connection.recv(CHUNK):
                return True
        except TimeoutError:
            return False
        except OSError:
            return True
    return False


def drop(*, reset: bool) -> Delivery:
    """Close without a word; `reset` sends RST instead of FIN."""

    def deliver(connection: socket.socket, answer: Answer) -> None:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return deliver


def silent(seconds: float) -> Delivery:
    """Say nothing for `seconds` (or until the caller leaves), then close."""

    def deliver(connection: socket.socket, answer: Answer) -> None:
        hung_up(connection, seconds)

    return deliver


def slow(interval: float) -> Delivery:
    """Send the head at once, then the body one byte every `interval` seconds."""

    def deliver(connection: socket.socket, answer: Answer) -> None:
        # A server that closes after its answer says so; else the next call may meet the end.
        whole = answer.plain(("Connection", "close"))
        head = len(whole) - len(answer.body)
        connection.sendall(whole[:head])
        _dribble(connection, whole[head:], interval)

    return deliver


def dribble(interval: float) -> Delivery:
    """Send everything, from the status line on, one byte every `interval` seconds."""

    def deliver(connection: socket.socket, answer: Answer) -> None:
        _dribble(connection, answer.plain(("Connection", "close")), interval)

    return deliver


def cut(connection: socket.socket, answer: Answer) -> None:
    """Promise the whole body, send half of it and close."""
    whole = answer.plain()
    connection.settimeout(10)
    connection.sendall(whole[: len(whole) - (len(answer.body) + 1) // 2])


def chunked(connection: socket.socket, answer: Answer) -> None:
    """Send the body in chunks, so that its length is not told beforehand."""
    connection.settimeout(10)
    connection.sendall(answer.head(("Transfer-Encoding", "chunked")))
    for piece in _pieces(answer.body):
        connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
    connection.sendall(b"0\r\n\r\n")


def _dribble(connection: socket.socket, octets: bytes, interval: float) -> None:
    for position in range(len(octets)):
        connection.settimeout(10)
        connection.sendall(octets[position : position + 1])
        if hung_up(connection, interval):
            return


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), CHUNK):
        yield body[start : start + CHUNK]
