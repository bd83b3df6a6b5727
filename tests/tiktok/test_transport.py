"""The wire: one deadline for everything, one cap, no redirect, and knowing whether it was sent."""

import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from benchmarks import certificates
from webapp.http_client.connection import tls_context
from webapp.settings import Settings
from webapp.tiktok.errors import TryLater
from webapp.tiktok.provider import Provider
from webapp.tiktok.transport import CALL_SECONDS, Transport

from .conftest import OPEN_ID, MakeSettings
from .peer import Peer, Request, answering, hang_up

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n"


@contextmanager
def ends_at_the_deadline(*, sent: bool) -> Iterator[None]:
    """Hold that the block raises TryLater when the tests' deadline of one second is over."""
    began = time.monotonic()
    with pytest.raises(TryLater, match="timeout") as caught:
        yield
    assert 0.9 < time.monotonic() - began < 1.6
    assert caught.value.outcome_unknown is sent
    assert not caught.value.reached


def get(transport: Transport, url: str, **headers: str) -> requests.Response:
    return transport.send(requests.Request("GET", url, headers=headers).prepare())


@pytest.mark.rule(28)
def test_the_deadline_of_a_call_is_ten_seconds() -> None:
    assert CALL_SECONDS == 10


@pytest.mark.rule(28)
@pytest.mark.parametrize("already", [b"", HEAD], ids=["headers", "body"])
def test_a_byte_at_a_time_ends_at_the_deadline(
    provider: Provider, peer: Peer, already: bytes
) -> None:
    def dribble(request: Request, conn: socket.socket) -> bool:
        conn.sendall(already)
        peer.drip(conn, (HEAD + b" " * 300)[len(already) :])
        return False

    peer.will(dribble)
    with ends_at_the_deadline(sent=True):
        provider.refresh("rft.made-up")


@pytest.mark.rule(28)
def test_chunks_that_never_end_end_at_the_deadline(provider: Provider, peer: Peer) -> None:
    def dribble(request: Request, conn: socket.socket) -> bool:
        conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.drip(conn, b"1\r\n{\r\n" * 50)
        return False

    peer.will(dribble)
    with ends_at_the_deadline(sent=True):
        provider.refresh("rft.made-up")


@pytest.mark.rule(27)
@pytest.mark.rule(28)
def test_silence_ends_at_the_deadline(provider: Provider, peer: Peer) -> None:
    peer.will(lambda request, conn: peer.stopping.wait())
    with ends_at_the_deadline(sent=True):
        provider.exchange(code="made-up", state="s")


@pytest.mark.rule(28)
def test_an_address_that_does_not_answer_ends_at_the_deadline(
    make_settings: MakeSettings, make_provider: Callable[[Settings], Provider]
) -> None:
    # A listener whose queue is full drops what comes: on loopback that is a black hole.
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        url = f"http://127.0.0.1:{address[1]}/v2/"
        with ends_at_the_deadline(sent=False):
            make_provider(make_settings(TIKTOK_API_URL=url)).refresh("rft.made-up")
        for filler in fillers:
            filler.close()


@pytest.mark.rule(28)
def test_a_resolver_that_hangs_is_not_waited_for(
    provider: Provider, peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def hang(*_where: object, **_how: object) -> list[object]:
        released.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    with ends_at_the_deadline(sent=False):
        provider.refresh("rft.made-up")
    released.set()
    for thread in threading.enumerate():
        if thread.name == "lookup":
            thread.join(5)
            assert not thread.is_alive()
    assert not peer.requests


@pytest.mark.rule(27)
def test_a_port_nobody_listens_on_means_nothing_was_sent(
    make_settings: MakeSettings, make_provider: Callable[[Settings], Provider]
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings = make_settings(TIKTOK_API_URL=f"http://127.0.0.1:{unused.getsockname()[1]}/v2/")
        with pytest.raises(TryLater, match="no_connection") as caught:
            make_provider(settings).refresh("rft.made-up")
    assert not caught.value.outcome_unknown
    assert not caught.value.reached


@pytest.mark.rule(27)
def test_a_host_that_does_not_exist_means_nothing_was_sent(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*_where: object, **_how: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(TryLater, match="no_connection") as caught:
        provider.refresh("rft.made-up")
    assert not caught.value.outcome_unknown


@pytest.mark.rule(27)
@pytest.mark.parametrize("already", [b"", b"HTTP/1.1 2", HEAD, HEAD + b'{"access_token":"a'])
def test_a_connection_that_ends_early_leaves_the_outcome_unknown(
    provider: Provider, peer: Peer, already: bytes
) -> None:
    def hang_up_early(request: Request, conn: socket.socket) -> bool:
        conn.sendall(already)
        return False

    peer.will(hang_up_early)
    with pytest.raises(TryLater) as caught:
        provider.refresh("rft.made-up")
    assert caught.value.outcome_unknown
    assert len(peer.requests) == 1


@pytest.mark.rule(27)
def test_a_reset_leaves_the_outcome_unknown_and_nothing_is_sent_twice(
    provider: Provider, peer: Peer
) -> None:
    def reset(request: Request, conn: socket.socket) -> bool:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        return False

    peer.will(reset)
    with pytest.raises(TryLater, match="connection_lost") as caught:
        provider.exchange(code="made-up", state="s")
    assert caught.value.outcome_unknown
    assert len(peer.requests) == 1


@pytest.mark.rule(27)
@pytest.mark.parametrize(
    "answer",
    [
        b"220 smtp.example ESMTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: 1\r\n" % n for n in range(150)) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["smtp", "many-headers", "long-header", "bad-chunk"],
)
def test_what_is_no_http_is_temporary(provider: Provider, peer: Peer, answer: bytes) -> None:
    def babble(request: Request, conn: socket.socket) -> bool:
        conn.sendall(answer)
        return False

    peer.will(babble)
    with pytest.raises(TryLater) as caught:
        provider.refresh("rft.made-up")
    assert caught.value.outcome_unknown


def chunked(request: Request, conn: socket.socket) -> bool:
    conn.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(10 * 1024):
        conn.sendall(b"400\r\n" + b"x" * 1024 + b"\r\n")
    return False


@pytest.mark.parametrize(
    "behaviour",
    [
        answering(b"x" * 10 * 1024 * 1024),
        chunked,
        answering(b"x" * 20_001, headers={"Content-Encoding": "gzip"}),
    ],
    ids=["length", "chunked", "gzip"],
)
def test_ten_megabytes_are_not_read(
    provider: Provider, peer: Peer, behaviour: Callable[[Request, socket.socket], bool]
) -> None:
    peer.will(behaviour)
    with pytest.raises(TryLater, match="answer_too_big") as caught:
        provider.refresh("rft.made-up")
    assert caught.value.outcome_unknown
    assert caught.value.reached


def test_an_answer_as_big_as_allowed_is_read(peer: Peer) -> None:
    peer.will_answer(b"x" * 1000)
    assert len(get(Transport(answer_bytes=1000), peer.url).content) == 1000
    with pytest.raises(TryLater):
        get(Transport(answer_bytes=999), peer.url)


@pytest.mark.rule(21)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["/elsewhere", "http://[bad", "https://evil.example/", ""])
def test_redirects_are_not_followed(
    provider: Provider, peer: Peer, status: int, where: str
) -> None:
    peer.will_answer(b"", status, {"Location": where})
    for call in (
        lambda: provider.exchange(code="made-up", state="s"),
        lambda: provider.refresh("rft.made-up"),
        lambda: provider.revoke("act.made-up"),
        lambda: provider.user_info("act.made-up", open_id=OPEN_ID, scopes=()),
    ):
        with pytest.raises(TryLater) as caught:
            call()
        assert caught.value.status == status
    assert [request.path for request in peer.requests] == [
        "/v2/oauth/token/",
        "/v2/oauth/token/",
        "/v2/oauth/revoke/",
        "/v2/user/info/",
    ]


def test_the_environment_sets_no_proxy_and_no_credentials(
    provider: Provider,
    peer: Peer,
    success: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password made-up\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    peer.will_answer(success)
    assert provider.refresh("rft.made-up").open_id == OPEN_ID
    assert peer.requests[0].header("authorization") == []


# The pool


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
    peer.will_answer(success)
    provider.exchange(code="made-up", state="s")
    provider.refresh("rft.made-up")
    peer.will_answer(b"")
    provider.revoke("act.made-up")
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


# TLS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate for 127.0.0.1 with its key, its own authority, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    files = certificates.made(folder)
    path = folder / "both.pem"
    path.write_bytes(files.key.read_bytes() + files.certificate.read_bytes())
    return path


@pytest.fixture
def tls_peer(authority: Path) -> Iterator[Peer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    with Peer(context) as listening:
        yield listening


def test_tls_is_spoken_and_connections_are_kept(tls_peer: Peer, authority: Path) -> None:
    tls_peer.will_answer(b"{}")
    transport = Transport(tls=ssl.create_default_context(cafile=authority))
    for _ in range(3):
        assert get(transport, tls_peer.url).content == b"{}"
    assert tls_peer.connections == 1
    (host,) = tls_peer.requests[0].header("host")
    assert host == f"127.0.0.1:{tls_peer.port}"


def test_a_certificate_of_nobody_we_trust_is_refused_before_anything_is_sent(
    tls_peer: Peer, authority: Path
) -> None:
    with pytest.raises(TryLater, match="no_connection") as caught:
        get(Transport(seconds=1.0), tls_peer.url)
    assert not caught.value.outcome_unknown
    other_name = tls_peer.url.replace("127.0.0.1", "localhost")
    with pytest.raises(TryLater, match="no_connection"):
        get(Transport(seconds=1.0, tls=ssl.create_default_context(cafile=authority)), other_name)
    assert not tls_peer.requests


def test_a_handshake_that_hangs_ends_at_the_deadline() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        ends_at_the_deadline(sent=False),
    ):
        get(Transport(seconds=1.0), f"https://127.0.0.1:{silent.getsockname()[1]}/")


def test_a_byte_at_a_time_over_tls_ends_at_the_deadline(tls_peer: Peer, authority: Path) -> None:
    def dribble(request: Request, conn: socket.socket) -> bool:
        tls_peer.drip(conn, HEAD + b" " * 300)
        return False

    tls_peer.will(dribble)
    transport = Transport(seconds=1.0, tls=ssl.create_default_context(cafile=authority))
    with ends_at_the_deadline(sent=True):
        get(transport, tls_peer.url)


def test_the_process_has_one_tls_context_that_verifies() -> None:
    assert tls_context() is tls_context()
    assert tls_context().verify_mode is ssl.CERT_REQUIRED
    assert tls_context().check_hostname
