"""An HTTP/1.1 server for one WSGI app, and ways to send a response badly.

Keeps connections alive, with one thread for each. Never logs a request (URLs contain codes) and
never listens beyond 127.0.0.1.
"""

import socket
import socketserver
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

SENDER = "sandbox.sender"  # environ key: the Sender to use instead of the normal one
LARGEST_BODY = 1_000_000  # bytes of a request
CHUNK = 65_536  # bytes
SEND_TIMEOUT = 10  # seconds
WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A complete response before it is sent; `status` is the code and phrase, as `200 OK`."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def head(self, *more: tuple[str, str]) -> bytes:
        """Return the status line and headers, with `more` headers and the empty line at the end."""
        lines = [f"HTTP/1.1 {self.status}"]
        lines += [f"{name}: {value}" for name, value in (*self.headers, *more)]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def whole(self, *more: tuple[str, str]) -> bytes:
        """Return the response as it should be on the wire, with `more` headers."""
        if self.status.startswith("304"):
            return self.head(*more)
        return self.head(("Content-Length", str(len(self.body))), *more) + self.body


Sender = Callable[[socket.socket, RawResponse], None]


class Server(socketserver.ThreadingTCPServer):
    """Serves one WSGI app on 127.0.0.1.

    `keep_alive` returns how many seconds an idle connection may stay open; 0 closes each
    connection after its response. Raises OSError if the port cannot be used.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024

    def __init__(self, port: int, app: WsgiApp, keep_alive: Callable[[], float]) -> None:
        self.app = app
        self.keep_alive = keep_alive
        super().__init__(("127.0.0.1", port), Connection)

    @property
    def port(self) -> int:
        """The port that the server listens on, also if it was asked for port 0."""
        return int(self.socket.getsockname()[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing: in tests, clients that hang up are normal."""


class Connection(BaseHTTPRequestHandler):
    """One connection: reads whole requests, calls the app, sends whole responses."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        """Serve requests until one side closes the connection."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def handle_one_request(self) -> None:
        """Wait for the next request for as long as an idle connection may stay open."""
        self.connection.settimeout(self.server.keep_alive() or 60.0)
        super().handle_one_request()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: URLs contain codes."""

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return
        environ = self._environ(body)
        response = _run(self.server.app, environ)
        if self.command == "HEAD":
            self.close_connection = True
            self.connection.sendall(response.head())
            return
        sender: Sender | None = environ.get(SENDER)
        if sender is not None:
            self.close_connection = True
            sender(self.connection, response)
            return
        if not self.server.keep_alive():
            self.close_connection = True
        closing = (("Connection", "close"),) if self.close_connection else ()
        self.connection.sendall(response.whole(*closing))

    # BaseHTTPRequestHandler looks for these names.
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


def _run(app: WsgiApp, environ: dict[str, Any]) -> RawResponse:
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
    return RawResponse(status, kept, body)


def drop(*, reset: bool) -> Sender:
    """Return a sender that closes without sending anything; `reset` sends RST instead of FIN."""

    def send(connection: socket.socket, response: RawResponse) -> None:
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    return send


def silence(seconds: float) -> Sender:
    """Return a sender that sends nothing for `seconds`, or until the client leaves, and closes."""

    def send(connection: socket.socket, response: RawResponse) -> None:
        _client_left(connection, seconds)

    return send


def slow_body(interval: float) -> Sender:
    """Return a sender for the head, then the body, a byte every `interval` seconds."""

    def send(connection: socket.socket, response: RawResponse) -> None:
        # Without this header the next call could be sent on a connection that is closing.
        whole = response.whole(("Connection", "close"))
        head = len(whole) - len(response.body)
        connection.sendall(whole[:head])
        _send_slowly(connection, whole[head:], interval)

    return send


def slow_all(interval: float) -> Sender:
    """Return a sender for everything, status line included, a byte every `interval` seconds."""

    def send(connection: socket.socket, response: RawResponse) -> None:
        _send_slowly(connection, response.whole(("Connection", "close")), interval)

    return send


def half(connection: socket.socket, response: RawResponse) -> None:
    """Announce the whole body, send half of it and close."""
    whole = response.whole()
    connection.settimeout(SEND_TIMEOUT)
    connection.sendall(whole[: len(whole) - (len(response.body) + 1) // 2])


def chunked(connection: socket.socket, response: RawResponse) -> None:
    """Send the body in chunks, so its length is not announced."""
    connection.settimeout(SEND_TIMEOUT)
    connection.sendall(response.head(("Transfer-Encoding", "chunked")))
    for piece in _pieces(response.body):
        connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
    connection.sendall(b"0\r\n\r\n")


def _send_slowly(connection: socket.socket, octets: bytes, interval: float) -> None:
    for position in range(len(octets)):
        connection.settimeout(SEND_TIMEOUT)
        connection.sendall(octets[position : position + 1])
        if _client_left(connection, interval):
            return


def _client_left(connection: socket.socket, seconds: float) -> bool:
    """Wait up to `seconds`; return True as soon as the client closes the connection."""
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


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), CHUNK):
        yield body[start : start + CHUNK]
