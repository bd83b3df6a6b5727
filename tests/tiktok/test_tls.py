"""Calls over TLS: one context that verifies, and the same deadline."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from benchmarks import certificates
from tests.tiktok.test_transport import HEAD, ends_at_the_deadline, get
from webapp.http_client.connection import tls_context
from webapp.settings import Settings
from webapp.tiktok.errors import TryLater
from webapp.tiktok.provider import register
from webapp.tiktok.transport import Transport

from .peer import Peer, Request


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


def test_certificates_that_cannot_be_read_are_a_call_that_was_not_made(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable() -> ssl.SSLContext:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr("webapp.tiktok.transport.tls_context", unreadable)
    provider = register(Flask(__name__), settings)
    with pytest.raises(TryLater, match="call_not_made") as caught:
        provider.exchange(code="made-up", state="s")
    assert not caught.value.reached
    assert provider.check_credentials().error is not None
