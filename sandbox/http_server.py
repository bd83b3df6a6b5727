"""HTTP/1.1 with keep-alive, one thread a connection, and answers that may misbehave on the wire.

Never logs a request (codes stand in URLs) and never listens beyond 127.0.0.1.
"""

import socket
import socketserver
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

DELIVERY = "sandbox.delivery"  # environ key: how the answer goes out, if not plainly
LARGEST_BODY = 1_000_000  # bytes of a request
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer before it goes out; `status` is the line after the version."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def head(self, *length: tuple[str, str]) -> bytes:
        """Return status line and headers, closed by an empty line."""
        lines = [f"HTTP/1.1 {self.status}"]
        lines += [f"{name}: {value}" for name, value in (*self.headers, *length)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def plain(self, *more: tuple[str, str]) -> bytes:
        """Return the answer as it should be on the wire."""
        if self.status.startswith("304"):
            return self.head(*more)
        return self.head(("Content-Length", str(len(self.body))), *more) + self.body


Delivery = Callable[[socket.socket, Answer], None]


class Server(socketserver.ThreadingTCPServer):
    """Serves one WSGI app on 127.0.0.1; `keep_alive` tells the idle seconds of a connection."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, port: int, app: WsgiApp, keep_alive: Callable[[], float]) -> None:
        self.app = app
        self.keep_alive = keep_alive
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def port(self) -> int:
        """The port it really listens on."""
        return int(self.socket.getsockname()[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: callers that hang up are the daily bread of tests."""


class Handler(BaseHTTPRequestHandler):
    """One connection: reads whole requests, calls the app, writes whole answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        """Serve requests until one side is done."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def handle_one_request(self) -> None:
        """Wait for the next request as long as an idle connection may stay open."""
        self.connection.settimeout(self.server.keep_alive() or 60.0)
        super().handle_one_request()

    def log_message(self, format: str, *args: object) -> None:
        """Keep silent: URLs carry codes."""

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return
        environ = self._environ(body)
        answer = _run(self.server.app, environ)
        if self.command == "HEAD":
            self.close_connection = True
            self.connection.sendall(answer.head())
            return
        delivery: Delivery | None = environ.get(DELIVERY)
        if delivery is not None:
            self.close_connection = True
            delivery(self.connection, answer)
            return
        if not self.server.keep_alive():
            self.close_connection = True
        closing = (("Connection", "close"),) if self.close_connection else ()
        self.connection.sendall(answer.plain(*closing))

    # BaseHTTPRequestHandler asks for these names.
    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = do_HEAD = do_OPTIONS = _serve

    def _body(self) -> bytes | None:
        lengths = self.headers.get_all("Content-Length", [])
        if not self.path.isascii():
            self.send_error(HTTPStatus.BAD_REQUEST)
        elif "Transfer-Encoding" in self.headers:
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
        elif len(lengths) > 1 or not all(text.isascii() and text.isdigit() for text in lengths):
            self.send_error(HTTPStatus.BAD_REQUEST)
        elif lengths and int(lengths[0]) > LARGEST_BODY:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            return self.rfile.read(int(lengths[0])) if lengths else b""
        self.close_connection = True
        return None

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "REMOTE_ADDR": self.client_address[0],
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.server.port),
            "SERVER_PROTOCOL": self.request_version,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        return environ | _header_variables(self.headers.items())


def _header_variables(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for name, value in headers:
        key = name.upper().replace("-", "_")
        if key == "CONTENT_LENGTH":
            continue
        key = key if key == "CONTENT_TYPE" else f"HTTP_{key}"
        variables[key] = f"{variables[key]},{value}" if key in variables else value
    return variables


def _run(app: WsgiApp, environ: dict[str, Any]) -> Answer:
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: object) -> None:
        started.append((status, headers))

    chunks = app(environ, start_response)
    try:
        body = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    status, headers = started[-1]
    kept = tuple(pair for pair in headers if pair[0].lower() != "content-length")
    return Answer(status, kept, body)
