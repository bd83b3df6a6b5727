"""HTTP byte by byte, for requests that no client library would send; never fixes what it sends."""

import http.client
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.servers import ANSWER_WITHIN


@dataclass(frozen=True)
class RawAnswer:
    """One answer as it came."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def say(origin: str, request: bytes, method: str = "GET") -> RawAnswer:
    """Send these bytes to `origin` and return the first answer; `method` tells if it has a body.

    Raises http.client.HTTPException if what comes back is no HTTP answer.
    """
    parts = urlsplit(origin)
    address = (parts.hostname, parts.port)
    with socket.create_connection(address, timeout=ANSWER_WITHIN) as connection:
        connection.sendall(request)
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        return RawAnswer(answer.status, answer.headers, answer.read())


def get(origin: str, target: bytes, *headers: bytes, host: bytes | None = None) -> RawAnswer:
    """GET a target byte for byte, with further header lines; `host` instead of the true one."""
    return say(origin, head(origin, b"GET", target, *headers, host=host))


def head(
    origin: str, method: bytes, target: bytes, *headers: bytes, host: bytes | None = None
) -> bytes:
    """Return the bytes of a request without a body."""
    host = urlsplit(origin).netloc.encode() if host is None else host
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: " + host, b"Connection: close"]
    return b"\r\n".join([*lines, *headers, b"", b""])
