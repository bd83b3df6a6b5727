"""A peer on a real socket that answers byte by byte as a test says; knows nothing of TikTok."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

#: Writes the answer to a request; returns whether the connection stays open.
Behaviour = Callable[["Request", socket.socket], bool]


@dataclass(frozen=True)
class Request:
    """One request as it came over the wire."""

    method: str
    target: str
    #: Names in lower case; a header that came twice has two values.
    headers: list[tuple[str, str]]
    body: bytes
    #: Which connection it came over, counted from 1.
    connection: int

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query))

    @property
    def form(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode(), keep_blank_values=True)

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


class Peer:
    """Listens on loopback; every connection has a thread. Use as a context manager."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.stopping = threading.Event()
        self._behaviour: Behaviour = answering(b"")
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in list(self._open):
            hang_up(each)
        for thread in self._threads:
            thread.join(5)

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v2/"

    @property
    def open_connections(self) -> frozenset[socket.socket]:
        return frozenset(self._open)

    def will(self, behaviour: Behaviour) -> None:
        """Answer like this from now on."""
        self._behaviour = behaviour

    def will_answer(
        self,
        body: bytes | str | object,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer with this from now on; what is neither bytes nor text becomes JSON."""
        self.will(answering(body, status, headers))

    def drip(self, conn: socket.socket, text: bytes) -> None:
        """Send a byte every tenth of a second until it is all out or nobody listens."""
        for position in range(len(text)):
            if self.stopping.wait(0.1):
                return
            conn.sendall(text[position : position + 1])

    def _accept(self) -> None:
        while True:
            try:
                conn, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(conn, self.connections))
            self._threads.append(thread)
            thread.start()

    def _serve(self, conn: socket.socket, number: int) -> None:
        self._open.add(conn)
        try:
            if self._tls:
                self._open.discard(conn)
                conn = self._tls.wrap_socket(conn, server_side=True)
                self._open.add(conn)
            for request in _requests(conn, number):
                self.requests.append(request)
                if not self._behaviour(request, conn):
                    return
        except (OSError, ValueError):
            return
        finally:
            self._open.discard(conn)
            conn.close()


def answering(
    body: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Behaviour:
    """Return the behaviour of a well-bred server with one answer."""
    if isinstance(body, str):
        body = body.encode()
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Status", f"Content-Length: {len(raw)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"

    def behave(request: Request, conn: socket.socket) -> bool:
        conn.sendall(head + raw)
        return request.header("connection") != ["close"]

    return behave


def hang_up(conn: socket.socket) -> None:
    """End a connection in both directions, even while a thread waits on it."""
    try:
        conn.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _requests(conn: socket.socket, number: int) -> Iterator[Request]:
    with conn.makefile("rb") as stream:
        while line := stream.readline():
            method, target, _version = line.decode().split()
            headers = []
            while (line := stream.readline().strip()) != b"":
                name, _, value = line.decode().partition(":")
                headers.append((name.lower(), value.strip()))
            length = int(dict(headers).get("content-length", "0"))
            yield Request(method, target, headers, stream.read(length), number)
