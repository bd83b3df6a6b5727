"""Asks one server for tokens as fast as it answers, in a process of its own; judges no token.

Reads one line of JSON from stdin: port, connections, seconds, paths, keys. Writes one to stdout.
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
_PATIENCE = 10.0


@dataclass
class Line:
    """One connection that is kept alive, and the one request under way on it."""

    sock: socket.socket
    came: bytes = b""
    asked_at: float = 0.0

    def ask(self, request: bytes) -> None:
        """Send the next request."""
        self.came = b""
        self.asked_at = perf_counter()
        self.sock.sendall(request)

    def is_answered(self) -> bool:
        """Take what has come, and tell whether the answer is whole. Raises ConnectionError."""
        piece = self.sock.recv(65536)
        if not piece:
            raise ConnectionError("the server closed a connection")
        self.came += piece
        head, whole, body = self.came.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return bool(whole) and (length is None or len(body) >= int(length[1]))


@dataclass
class Found:
    """What was counted."""

    answers: int = 0
    seconds: float = 0.0
    bytes: int = 0
    statuses: Counter[str] = field(default_factory=Counter)


def ask(wish: dict[str, Any]) -> Found:
    """Ask for as long as is wished, each connection again as soon as it is answered."""
    host = f"127.0.0.1:{wish['port']}"
    keys = cycle(wish["keys"])
    requests = cycle(
        "\r\n".join(
            (f"GET {path} HTTP/1.1", f"Host: {host}", f"Authorization: Bearer {next(keys)}", "", "")
        ).encode()
        for path in wish["paths"]
    )
    found = Found()
    with selectors.DefaultSelector() as selector:
        for _ in range(wish["connections"]):
            sock = socket.create_connection(("127.0.0.1", wish["port"]), _PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line = Line(sock)
            selector.register(sock, selectors.EVENT_READ, line)
            line.ask(next(requests))
        start = perf_counter()
        while perf_counter() - start < wish["seconds"]:
            for key, _events in selector.select(_PATIENCE):
                if key.data.is_answered():
                    found.answers += 1
                    found.bytes = len(key.data.came.partition(b"\r\n\r\n")[2])
                    found.statuses[key.data.came[9:12].decode()] += 1
                    key.data.ask(next(requests))
        found.seconds = perf_counter() - start
        for key in list(selector.get_map().values()):
            key.data.sock.close()
    return found


def main() -> None:
    """Do what stdin asks for, and tell."""
    found = ask(json.loads(sys.stdin.readline()))
    sys.stdout.write(json.dumps(vars(found)))


if __name__ == "__main__":
    main()
