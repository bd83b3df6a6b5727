"""A token endpoint on loopback that is light enough to be no bottleneck; rotates, and keeps books.

The sandbox judges every request as TikTok does, which takes four times as much of the processor
(docs/benchmarks.md). This one knows refreshes alone, and whether a refresh token was spent before.
"""

import argparse
import asyncio
import json
import ssl
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import cast
from urllib.parse import parse_qs

#: As long as TikTok's tokens are, about.
_FILL = "x" * 48
_LIFE = 7200
_GRANT_LIFE = 15_552_000
_BACKLOG = 1024


def open_id(number: int) -> str:
    """Return the open_id of the person of this number."""
    return f"-000{number:032}"


def access_token(number: int, generation: int) -> str:
    """Return the access token that came with so many refreshes."""
    return f"act.{number}.{generation}.{_FILL}"


def refresh_token(number: int, generation: int) -> str:
    """Return the refresh token that came with so many refreshes."""
    return f"rft.{number}.{generation}.{_FILL}"


@dataclass
class Books:
    """What came in. Times are seconds of the wall clock."""

    refreshed: int = 0
    spent: int = 0
    unknown: int = 0
    first_asked: float = 0.0
    last_answered: float = 0.0
    most_at_once: int = 0
    at_once: int = 0
    #: CPU seconds of this process, so that one sees whether it was in the way.
    cpu: float = 0.0
    generations: dict[int, int] = field(default_factory=dict)

    def answer(self, form: str) -> dict[str, object]:
        """Rotate, or refuse a refresh token that is spent or that nobody knows."""
        given = parse_qs(form).get("refresh_token", [""])[0].split(".")
        if len(given) != 4 or given[0] != "rft":
            self.unknown += 1
            return {"error": "invalid_grant", "log_id": "benchmark"}
        number, generation = int(given[1]), int(given[2])
        if generation != self.generations.get(number, 0):
            self.spent += 1
            return {"error": "invalid_grant", "log_id": "benchmark"}
        generation = self.generations[number] = generation + 1
        self.refreshed += 1
        self.last_answered = time.time()
        return {
            "access_token": access_token(number, generation),
            "expires_in": _LIFE,
            "open_id": open_id(number),
            "refresh_token": refresh_token(number, generation),
            "refresh_expires_in": _GRANT_LIFE,
            "scope": "user.info.basic,video.list",
            "token_type": "Bearer",
        }

    def told(self) -> dict[str, object]:
        """Return the books for whoever asks, without the tokens' generations."""
        self.cpu = time.process_time()
        return {name: value for name, value in asdict(self).items() if name != "generations"}


class Call(asyncio.Protocol):
    """One connection: a whole request, the latency, the answer, the end or the next request."""

    def __init__(self, books: Books, latency: float) -> None:
        """Take the books, and how many seconds a refresh takes."""
        self._books = books
        self._latency = latency
        self._came = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Gather a request; when it is whole, answer it after the latency."""
        self._came += data
        head, whole, body = self._came.partition(b"\r\n\r\n")
        if not whole:
            return
        wanted = int((_header(head, b"content-length") or b"0").decode())
        if len(body) < wanted:
            return
        self._came = b""
        closing = _header(head, b"connection") == b"close"
        if head.startswith(b"GET"):
            self._send(self._books.told(), closing=True)
            return
        books = self._books
        books.first_asked = books.first_asked or time.time()
        books.at_once += 1
        books.most_at_once = max(books.most_at_once, books.at_once)
        loop = asyncio.get_running_loop()
        loop.call_later(self._latency, self._refreshed, body.decode(), closing)

    def _refreshed(self, form: str, closing: bool) -> None:
        self._books.at_once -= 1
        self._send(self._books.answer(form), closing=closing)

    def _send(self, answer: dict[str, object], *, closing: bool) -> None:
        body = json.dumps(answer).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        if closing:
            head += "\r\nConnection: close"
        self._transport.write(head.encode() + b"\r\n\r\n" + body)
        if closing:
            self._transport.close()


def _header(head: bytes, name: bytes) -> bytes | None:
    lower = head.lower()
    start = lower.find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    end = lower.find(b"\r\n", start)
    return lower[start : end if end >= 0 else len(lower)].strip()


async def _serve(latency: float, certificate: str | None, key: str | None) -> None:
    books = Books()
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    server = await asyncio.get_running_loop().create_server(
        lambda: Call(books, latency), "127.0.0.1", 0, ssl=context, backlog=_BACKLOG
    )
    sys.stdout.write(f"provider ready on {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.provider", description=__doc__)
    parser.add_argument("--latency", type=float, default=0.3, help="seconds a refresh takes")
    parser.add_argument("--certificate", help="PEM file; with it TLS is spoken")
    parser.add_argument("--key", help="PEM file of the certificate's key")
    asked = parser.parse_args()
    asyncio.run(_serve(asked.latency, asked.certificate, asked.key))


if __name__ == "__main__":
    main()
