"""Serves the provider on two ports: calls of the app (with TLS if asked), and everything else.

The second port has no TLS. It serves the browsers' part of a sign-in and the benchmark's own
requests: `/statistics`, and `/latency/SECONDS`, which sets the duration of every later call.
"""

import argparse
import asyncio
import json
import ssl
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from benchmarks.provider.grants import Answer, Grants

_BACKLOG = 1024


@dataclass
class State:
    """What all connections share."""

    grants: Grants
    #: Duration of a call in seconds.
    latency: float


class Http(asyncio.Protocol, ABC):
    """One connection: read a request, respond, then close or repeat."""

    def __init__(self, state: State) -> None:
        """Take what all connections share."""
        self.state = state
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for responses."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Collect a request. When it is complete, answer it."""
        self._received += data
        head, whole, body = self._received.partition(b"\r\n\r\n")
        if not whole or len(body) < int((header(head, b"content-length") or b"0").decode()):
            return
        self._received = b""
        self.answer(head, body.decode())

    @abstractmethod
    def answer(self, head: bytes, body: str) -> None:
        """Answer one request."""

    def send(self, answer: Answer, *, closing: bool = False) -> None:
        """Send JSON."""
        body = json.dumps(answer).encode()
        lines = ["HTTP/1.1 200 OK", "Content-Type: application/json"]
        self.send_raw([*lines, f"Content-Length: {len(body)}"], body, closing=closing)

    def send_raw(self, lines: list[str], body: bytes = b"", *, closing: bool = False) -> None:
        """Send a status line, headers and a body."""
        if self._transport.is_closing():
            return
        end = ["Connection: close"] if closing else []
        self._transport.write("\r\n".join([*lines, *end, "", ""]).encode() + body)
        if closing:
            self._transport.close()


class Calls(Http):
    """The calls of the app, each of which takes the latency."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count the connection."""
        super().connection_made(transport)
        self.state.grants.connections += 1

    def answer(self, head: bytes, body: str) -> None:
        """Answer after the latency."""
        grants = self.state.grants
        grants.first_asked = grants.first_asked or time.time()
        grants.in_flight += 1
        grants.most_in_flight = max(grants.most_in_flight, grants.in_flight)
        if head.startswith(b"GET /v2/user/info/"):
            bearer = (header(head, b"authorization") or b"").decode().removeprefix("bearer ")

            def work() -> Answer:
                return grants.user_info(bearer)
        else:

            def work() -> Answer:
                return grants.token(body)

        closing = header(head, b"connection") == b"close"
        loop = asyncio.get_running_loop()
        loop.call_later(self.state.latency, self._finish, work, closing)

    def _finish(self, work: Callable[[], Answer], closing: bool) -> None:
        self.state.grants.in_flight -= 1
        self.send(work(), closing=closing)


class Browsers(Http):
    """What browsers and the benchmark itself request."""

    def answer(self, head: bytes, body: str) -> None:
        """Redirect back to the app, report the statistics, or set the latency."""
        path, _, query = head.split(b" ", 2)[1].decode().partition("?")
        if path == "/v2/auth/authorize/":
            target = self.state.grants.authorize(query)
            status = "302 Found" if target else "400 Bad Request"
            self.send_raw([f"HTTP/1.1 {status}", f"Location: {target}", "Content-Length: 0"])
            return
        if path.startswith("/latency/"):
            self.state.latency = float(path.removeprefix("/latency/"))
        self.send(self.state.grants.report(), closing=True)


def header(head: bytes, name: bytes) -> bytes | None:
    """Return the value of a header in lower case, or None if it is missing."""
    lower = head.lower()
    start = lower.find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    end = lower.find(b"\r\n", start)
    return lower[start : end if end >= 0 else len(lower)].strip()


async def _serve(latency: float, certificate: str | None, key: str | None) -> None:
    state = State(Grants(), latency)
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    calls = await loop.create_server(
        lambda: Calls(state), "127.0.0.1", 0, ssl=context, backlog=_BACKLOG
    )
    browsers = await loop.create_server(lambda: Browsers(state), "127.0.0.1", 0, backlog=_BACKLOG)
    ports = [server.sockets[0].getsockname()[1] for server in (calls, browsers)]
    sys.stdout.write(f"provider ready on {ports[0]} and {ports[1]}\n")
    sys.stdout.flush()
    await asyncio.gather(calls.serve_forever(), browsers.serve_forever())


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.provider", description=__doc__)
    parser.add_argument("--latency", type=float, default=0.3, help="duration of a call in seconds")
    parser.add_argument("--certificate", help="PEM file; enables TLS")
    parser.add_argument("--key", help="PEM file with the certificate's key")
    asked = parser.parse_args()
    asyncio.run(_serve(asked.latency, asked.certificate, asked.key))


if __name__ == "__main__":
    main()
