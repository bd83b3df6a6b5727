"""A token endpoint light enough not to be the bottleneck. Rotates tokens and keeps statistics.

The sandbox checks every request as TikTok does, which takes about four times as much CPU
(docs/performance.md). This server only handles refreshes and detects spent refresh tokens.
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

#: Makes tokens about as long as TikTok's.
_FILL = "x" * 48
_LIFE = 7200
_GRANT_LIFE = 15_552_000
_BACKLOG = 1024


def open_id(number: int) -> str:
    """Return the open_id of the person with this number."""
    return f"-000{number:032}"


def access_token(number: int, generation: int) -> str:
    """Return the access token after `generation` refreshes."""
    return f"act.{number}.{generation}.{_FILL}"


def refresh_token(number: int, generation: int) -> str:
    """Return the refresh token after `generation` refreshes."""
    return f"rft.{number}.{generation}.{_FILL}"


@dataclass
class Statistics:
    """What the provider received. Times are wall-clock seconds."""

    refreshed: int = 0
    spent: int = 0
    unknown: int = 0
    first_asked: float = 0.0
    last_answered: float = 0.0
    most_in_flight: int = 0
    in_flight: int = 0
    #: CPU seconds of this process, to see whether it was the bottleneck.
    cpu: float = 0.0
    generations: dict[int, int] = field(default_factory=dict)

    def answer(self, form: str) -> dict[str, object]:
        """Rotate the token pair, or refuse a refresh token that is spent or unknown."""
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

    def report(self) -> dict[str, object]:
        """Return the statistics without the token generations."""
        self.cpu = time.process_time()
        return {name: value for name, value in asdict(self).items() if name != "generations"}


class Call(asyncio.Protocol):
    """One connection: read a request, wait for the latency, respond, then close or repeat."""

    def __init__(self, statistics: Statistics, latency: float) -> None:
        """Take the statistics and the duration of a refresh in seconds."""
        self._statistics = statistics
        self._latency = latency
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for responses."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Collect a request. When it is complete, respond after the latency."""
        self._received += data
        head, whole, body = self._received.partition(b"\r\n\r\n")
        if not whole:
            return
        wanted = int((_header(head, b"content-length") or b"0").decode())
        if len(body) < wanted:
            return
        self._received = b""
        closing = _header(head, b"connection") == b"close"
        if head.startswith(b"GET"):
            self._send(self._statistics.report(), closing=True)
            return
        statistics = self._statistics
        statistics.first_asked = statistics.first_asked or time.time()
        statistics.in_flight += 1
        statistics.most_in_flight = max(statistics.most_in_flight, statistics.in_flight)
        loop = asyncio.get_running_loop()
        loop.call_later(self._latency, self._refreshed, body.decode(), closing)

    def _refreshed(self, form: str, closing: bool) -> None:
        self._statistics.in_flight -= 1
        self._send(self._statistics.answer(form), closing=closing)

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
    statistics = Statistics()
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    server = await asyncio.get_running_loop().create_server(
        lambda: Call(statistics, latency), "127.0.0.1", 0, ssl=context, backlog=_BACKLOG
    )
    sys.stdout.write(f"provider ready on {server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.provider", description=__doc__)
    parser.add_argument(
        "--latency", type=float, default=0.3, help="duration of a refresh in seconds"
    )
    parser.add_argument("--certificate", help="PEM file; enables TLS")
    parser.add_argument("--key", help="PEM file with the certificate's key")
    asked = parser.parse_args()
    asyncio.run(_serve(asked.latency, asked.certificate, asked.key))


if __name__ == "__main__":
    main()
