"""Load client: requests tokens from one server as fast as it responds.

Runs in its own process. Reads one line of JSON from stdin (port, connections, seconds, paths,
keys) and writes one line of JSON with the counts to stdout.
"""

import json
import re
import selectors
import socket
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter
from typing import Any

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_TIMEOUT = 10.0


@dataclass
class Channel:
    """One keep-alive connection and the request in flight on it."""

    sock: socket.socket
    received: bytes = b""

    def send(self, request: bytes) -> None:
        """Send the next request."""
        self.received = b""
        self.sock.sendall(request)

    def is_answered(self) -> bool:
        """Read what has arrived. Return True if the response is complete.

        Raises ConnectionError if the server closed the connection.
        """
        piece = self.sock.recv(65536)
        if not piece:
            raise ConnectionError("the server closed a connection")
        self.received += piece
        head, whole, body = self.received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return bool(whole) and (length is None or len(body) >= int(length[1]))


@dataclass
class Counts:
    """Responses received, by status."""

    answers: int = 0
    seconds: float = 0.0
    bytes: int = 0
    statuses: Counter[str] = field(default_factory=Counter)


def run(job: dict[str, Any]) -> Counts:
    """Send requests for `job["seconds"]`: each connection sends again after every response."""
    host = f"127.0.0.1:{job['port']}"
    keys = cycle(job["keys"])
    requests = cycle(
        "\r\n".join(
            (f"GET {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {next(keys)}", "", "")
        ).encode()
        for path in job["paths"]
    )
    found = Counts()
    with selectors.DefaultSelector() as selector:
        for _ in range(job["connections"]):
            sock = socket.create_connection(("127.0.0.1", job["port"]), _TIMEOUT)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            channel = Channel(sock)
            selector.register(sock, selectors.EVENT_READ, channel)
            channel.send(next(requests))
        start = perf_counter()
        while perf_counter() - start < job["seconds"]:
            for key, _events in selector.select(_TIMEOUT):
                if key.data.is_answered():
                    found.answers += 1
                    found.bytes = len(key.data.received.partition(b"\r\n\r\n")[2])
                    found.statuses[key.data.received[9:12].decode()] += 1
                    key.data.send(next(requests))
        found.seconds = perf_counter() - start
        for key in list(selector.get_map().values()):
            key.data.sock.close()
    return found


def main() -> None:
    """Run the job from stdin and print the counts."""
    found = run(json.loads(sys.stdin.readline()))
    sys.stdout.write(json.dumps(vars(found)))


if __name__ == "__main__":
    main()
