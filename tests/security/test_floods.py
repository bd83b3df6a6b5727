"""Connections that hold a request back cost no thread, straight at gunicorn (decisions/0024)."""

import errno
import http.client
import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from gunicorn.config import Config
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from tests.fixtures.served import Serve
from tests.security.floods import KINDS, flood, longest_wait
from webapp import gunicorn_worker
from webapp.gunicorn_worker import Connection, TooSlow, Worker
from webapp.views.http import request_checks

#: More than the 64 threads of the one worker.
MANY = 150
#: Seconds; each of these held /healthz for 20 s and more. Alone on the machine it takes 0.1 s.
AT_MOST = 6

HOST = b"Host: 127.0.0.1\r\n"
POST = b"POST /theme HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
WHOLE = {
    "no body": b"GET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "an empty line before it": b"\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a body": POST + b"content-length:  7\r\nX-a: b\r\n\r\nthe\r\n\r\n",
    "zeros": POST + b"Content-Length: 0000000000000000000003\r\n\r\nabc",
    "an empty body": POST + b"Content-Length: 0\r\n\r\n",
    "chunks": CHUNKED + b"5;a=b\r\n0\r\n\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
    "trailers": CHUNKED + b"3\r\nabc\r\n00\r\nX-t: 1\r\nX-u: 2\r\n\r\n",
}


@pytest.fixture
def connection() -> Iterator[Connection]:
    """One end of a connection to the worker; `connection.peer` is the client's."""
    here, there = socket.socketpair()
    made = Connection(Config(), here, ("127.0.0.1", 1), ("127.0.0.1", 2))
    made.peer = there
    with made.sock, there:
        yield made


@pytest.mark.long
def test_nothing_that_is_held_back_stops_the_answers(serve: Serve) -> None:
    origin = serve().url
    for kind, sent in KINDS.items():
        with flood(origin, sent, MANY):
            took = longest_wait(origin, 2)
        assert took < AT_MOST, kind


@pytest.mark.long
def test_more_connections_than_it_may_hold_do_not_either(serve: Serve) -> None:
    origin = serve().url
    with flood(origin, b"", 800):
        assert longest_wait(origin, 2) < AT_MOST


@pytest.mark.long
def test_answers_that_nobody_reads_do_not_either(serve: Serve) -> None:
    origin = serve().url
    asks = b"GET /api/v1/openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
    with flood(origin, asks, MANY, receive=2048):
        assert longest_wait(origin, 4) < AT_MOST


@pytest.mark.long
@pytest.mark.parametrize("sent", [b"", KINDS["half a head"]], ids=["nothing", "half a head"])
def test_it_is_held_for_ten_seconds(serve: Serve, sent: bytes) -> None:
    with _connect(serve().url) as client:
        began = time.monotonic()
        client.sendall(sent)
        assert client.recv(100) == b"", "closed without an answer"
    assert 9 < time.monotonic() - began < 14


@pytest.mark.long
def test_a_second_request_has_ten_seconds_of_its_own(serve: Serve) -> None:
    with _connect(serve().url) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert _status(client) == 200
        time.sleep(3)
        client.sendall(KINDS["half a head"])
        time.sleep(4)
        client.sendall(b"b\r\n\r\n")
        assert _status(client) == 200, "five seconds are for idle connections alone"


def test_a_head_without_end_is_431(serve: Serve) -> None:
    with _connect(serve().url) as client:
        lines = b"".join(b"X-%d: %s\r\n" % (n, b"a" * 4000) for n in range(9))
        client.sendall(b"GET / HTTP/1.1\r\n" + HOST + lines)
        assert _status(client) == 431


@pytest.mark.long
def test_two_requests_in_one_piece_get_two_answers(serve: Serve) -> None:
    one = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    with _connect(serve().url) as client:
        client.sendall(one + one + one[:20])
        assert [_status(client), _status(client)] == [200, 200]
        client.sendall(one[20:])
        assert _status(client) == 200


@pytest.mark.long
def test_who_waits_to_be_asked_for_the_body_is_asked(serve: Serve) -> None:
    with _connect(serve().url) as client:
        client.sendall(POST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(25, socket.MSG_WAITALL) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc")
        assert _status(client) == 400, "no token in it"


@pytest.mark.parametrize("name", WHOLE)
def test_a_request_is_whole_with_its_last_byte(connection: Connection, name: str) -> None:
    data = WHOLE[name]
    # gunicorn agrees: it needs no byte more, and leaves none.
    unreader = IterUnreader([data])
    Request(Config(), unreader, ("127.0.0.1", 1)).body.read()
    assert unreader.take_buffered() == b""
    for end in range(len(data)):
        connection.expect(data[:end])
        assert not connection.is_whole(), data[:end]
    connection.expect(b"")
    for byte in data[:-1]:
        connection.received.append(byte)
        assert not connection.is_whole()
    connection.received += data[-1:]
    assert connection.is_whole()


@pytest.mark.parametrize(
    "data",
    [
        CHUNKED + b"zz\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"1\r\nabc",
        CHUNKED + b"1\r\na\r\n" * 20000,
        POST + b"Transfer-Encoding: gzip\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        POST + b"Content-Length: 16385\r\n\r\n",
        POST + b"Content-Length: %s\r\n\r\n" % (b"9" * 5000),
        POST + b"Content-Length: -1\r\n\r\n",
    ],
)
def test_what_will_be_refused_is_not_waited_for(connection: Connection, data: bytes) -> None:
    connection.expect(data)
    assert connection.is_whole()


def test_the_worker_waits_for_as_much_as_the_app_reads() -> None:
    assert gunicorn_worker.MAX_BODY == request_checks.MAX_BODY


def test_a_thread_reads_what_is_there_and_never_waits(connection: Any) -> None:
    connection.sock.setblocking(True)
    connection.peer.sendall(b"x")
    assert connection.sock.recv(8192) == b"x"
    connection.sock.settimeout(30)
    began = time.monotonic()
    with pytest.raises(TooSlow):
        connection.sock.recv(8192)
    assert time.monotonic() - began < 5
    assert connection.sock.gettimeout() == 30


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_without_a_free_file_the_oldest_connection_is_closed(
    connection: Connection, number: int
) -> None:
    class Full:
        def accept(self) -> None:
            raise OSError(number, "Too many open files")

    worker = Worker.__new__(Worker)
    worker._plain, worker.nr_conns, worker._waiting = True, 1, {connection: None}
    worker.poller = SimpleNamespace(unregister=lambda _sock: None)
    worker.accept(Full())
    assert (worker.nr_conns, worker._waiting) == (0, {})
    assert connection.sock.fileno() == -1
    # And with none to close it waits for one that a thread has.
    worker.accept(Full())


def _connect(origin: str) -> socket.socket:
    parts = urlsplit(origin)
    return socket.create_connection((parts.hostname, parts.port), timeout=20)


def _status(client: socket.socket) -> int:
    """Read one answer, and no byte more."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        byte = client.recv(1)
        assert byte, "hung up"
        data += byte
    if data.startswith(b"HTTP/1.1 100 "):
        return _status(client)
    head, _, lines = data.partition(b"\r\n")
    length = http.client.parse_headers(_Lines(lines))["Content-Length"]
    client.recv(int(length), socket.MSG_WAITALL)
    return int(head.split()[1])


class _Lines:
    def __init__(self, data: bytes) -> None:
        self._lines = iter(data.splitlines(keepends=True))

    def readline(self, _limit: int) -> bytes:
        return next(self._lines)
