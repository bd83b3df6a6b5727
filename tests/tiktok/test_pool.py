"""Connections that are kept and used again, and the calls that take one of their own."""

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.tiktok.test_transport import HEAD, get
from webapp.tiktok.errors import TryLater
from webapp.tiktok.provider import Provider
from webapp.tiktok.transport import _IDLE_SECONDS, Transport

from .conftest import OPEN_ID, make_each_token_call
from .peer import Peer, Request, answering, hang_up


def test_exchange_and_reads_share_a_connection(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    peer.will_answer(success)
    provider.exchange(code="made-up", state="s")
    peer.will_answer({"data": {"user": {"open_id": OPEN_ID}}, "error": {"code": "ok"}})
    provider.user_info("act.made-up", open_id=OPEN_ID, scopes=())
    assert [request.connection for request in peer.requests] == [1, 1]


def test_refresh_and_revoke_take_a_fresh_connection_and_close_it(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    make_each_token_call(provider, peer, success)
    peer.will_answer(success)
    provider.exchange(code="made-up", state="s")
    assert [request.connection for request in peer.requests] == [1, 2, 3, 1]
    closes = [request.header("connection") for request in peer.requests]
    assert closes == [["keep-alive"], ["close"], ["close"], ["keep-alive"]]


def test_a_fresh_connection_is_closed_even_if_the_server_keeps_it(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    closed = threading.Event()
    whole = answering(success)

    def keep_open(request: Request, conn: socket.socket) -> bool:
        whole(request, conn)
        if not conn.recv(1):
            closed.set()
        return False

    peer.will(keep_open)
    provider.refresh("rft.made-up")
    assert closed.wait(5)


def test_an_idle_connection_that_died_is_replaced(peer: Peer) -> None:
    gone = threading.Event()

    def answer_and_leave(request: Request, conn: socket.socket) -> bool:
        answering(b"{}")(request, conn)
        hang_up(conn)
        gone.set()
        return False

    transport = Transport(seconds=1.0)
    peer.will(answer_and_leave)
    get(transport, peer.url)
    assert gone.wait(5)
    peer.will_answer(b"{}")
    assert get(transport, peer.url).content == b"{}"
    assert [request.connection for request in peer.requests] == [1, 2]


def test_an_answer_with_bytes_left_over_is_not_mixed_into_the_next(peer: Peer) -> None:
    def say_too_much(request: Request, conn: socket.socket) -> bool:
        forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst" + forged)
        return True

    transport = Transport(seconds=1.0)
    peer.will(say_too_much)
    assert get(transport, peer.url).content == b"first"
    peer.will_answer(b"second")
    assert get(transport, peer.url).content == b"second"


def test_32_threads_share_the_pool(peer: Peer) -> None:
    peer.will_answer(b"{}")
    transport = Transport()
    with ThreadPoolExecutor(32) as threads:
        answers = list(threads.map(lambda _: get(transport, peer.url).content, range(640)))
    assert answers == [b"{}"] * 640
    assert peer.connections <= 32


def test_as_many_connections_are_kept_as_a_web_process_has_threads(peer: Peer) -> None:
    all_there = threading.Barrier(64)
    answer = answering(b"{}")

    def together(request: Request, conn: socket.socket) -> bool:
        all_there.wait(30)
        return answer(request, conn)

    peer.will(together)
    transport = Transport()
    with ThreadPoolExecutor(64) as threads:
        for _again in range(2):
            list(threads.map(lambda _: get(transport, peer.url), range(64)))
    assert peer.connections == 64


def test_a_connection_that_stays_idle_is_closed_while_a_newer_one_is_in_use(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    both_there = threading.Barrier(2)
    answer = answering(b"{}")

    def together(request: Request, conn: socket.socket) -> bool:
        both_there.wait(30)
        return answer(request, conn)

    passed = [0.0]
    monkeypatch.setattr("webapp.tiktok.transport.monotonic", lambda: passed[0])
    transport = Transport()
    peer.will(together)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: get(transport, peer.url), range(2)))
    peer.will_answer(b"{}")
    for kept in (2, 1):
        passed[0] += _IDLE_SECONDS - 1
        get(transport, peer.url)
        assert len(transport._pool._idle) == kept
    assert peer.connections == 2


def test_nothing_is_left_behind(provider: Provider, peer: Peer, success: dict[str, object]) -> None:
    """Failing calls of every kind leave no file descriptor and no thread."""

    def part(request: Request, conn: socket.socket) -> bool:
        conn.sendall(HEAD)
        return False

    def fail() -> None:
        for behaviour in (part, answering(b"x" * 30_000), answering("<html>", 500)):
            peer.will(behaviour)
            with pytest.raises(TryLater):
                provider.refresh("rft.made-up")
            with pytest.raises(TryLater):
                provider.exchange(code="made-up", state="s")

    def ours() -> int:
        # The peer has one descriptor a connection too, so both ends are counted when it is idle.
        return len(os.listdir("/proc/self/fd"))

    def settled() -> int:
        deadline = time.monotonic() + 5
        while len(peer.open_connections) > 1 and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        return ours()

    fail()
    before = settled()
    for _ in range(20):
        fail()
    assert settled() <= before
    assert not [each for each in threading.enumerate() if each.name == "lookup"]
