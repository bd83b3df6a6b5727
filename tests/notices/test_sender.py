"""One notice over the wire: signed as receivers check it, to the address alone, within a time."""

import base64
import json
import secrets
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from benchmarks import certificates
from tests.tiktok.peer import Peer, Request, answering
from webapp.clock import utc_now
from webapp.notify import ANSWER_BYTES, CALL_SECONDS, ReceiverAnswer, Sender

BODY = '{"type":"connection.revoked","data":{"ticket":"ct_zażółć"}}'
ID = "msg_made_up"


@pytest.fixture
def secret() -> str:
    """A secret as NOTIFY_SECRET holds it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def peer() -> Iterator[Peer]:
    """A receiver on a real socket."""
    with Peer() as listening:
        listening.will_answer(b"", status=204)
        yield listening


@pytest.fixture
def send(peer: Peer, secret: str) -> Sender:
    """What sends to the receiver, with a second for a whole call."""
    return Sender(f"{peer.url}hook?key=of-the-receiver", secret, utc_now, seconds=1.0)


def test_a_receiver_can_check_the_signature_with_the_standard_library(
    peer: Peer, send: Sender, secret: str
) -> None:
    assert send(ID, BODY) == ReceiverAnswer(204, "204")
    (request,) = peer.requests
    headers = dict(request.headers)
    assert Webhook(secret).verify(request.body, headers) == json.loads(BODY)
    assert headers["webhook-id"] == ID
    assert request.target == "/v2/hook?key=of-the-receiver"
    assert (request.method, headers["content-type"]) == ("POST", "application/json")
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(request.body.replace(b"ct_", b"xx_"), headers)


def test_every_try_is_signed_for_its_own_moment(peer: Peer, secret: str) -> None:
    early = Sender(peer.url, secret, lambda: utc_now() - timedelta(minutes=4))
    early(ID, BODY)
    Sender(peer.url, secret, utc_now)(ID, BODY)
    first, second = (int(request.header("webhook-timestamp")[0]) for request in peer.requests)
    assert second - first >= 240
    for request in peer.requests:
        Webhook(secret).verify(request.body, dict(request.headers))


@pytest.mark.parametrize(
    ("status", "taken", "gone"),
    [(200, True, False), (202, True, False), (302, False, False)]
    + [(400, False, False), (410, False, True), (500, False, False)],
)
def test_only_a_2xx_is_a_yes(
    peer: Peer, send: Sender, status: int, taken: bool, gone: bool
) -> None:
    peer.will_answer(b"{}", status=status)
    answer = send(ID, BODY)
    assert (answer.taken, answer.gone, answer.word) == (taken, gone, str(status))


def test_a_redirect_is_not_followed(peer: Peer, send: Sender) -> None:
    peer.will_answer(b"", status=307, headers={"Location": f"{peer.url}elsewhere"})
    assert not send(ID, BODY).taken
    assert len(peer.requests) == 1


@pytest.mark.parametrize(
    ("status", "header", "wait"),
    [(429, "120", 120), (503, "99999", 3600), (500, "120", 0), (429, "soon", 0), (503, "-1", 0)],
)
def test_the_pause_a_receiver_asks_for_is_heard_up_to_an_hour(
    peer: Peer, send: Sender, status: int, header: str, wait: int
) -> None:
    peer.will_answer(b"", status=status, headers={"Retry-After": header})
    assert send(ID, BODY).wait == wait


def test_no_proxy_of_the_environment_is_asked(
    peer: Peer, send: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send(ID, BODY).taken


def test_the_deadline_of_a_call_is_ten_seconds() -> None:
    assert CALL_SECONDS == 10


def test_a_byte_at_a_time_ends_at_the_deadline(peer: Peer, send: Sender) -> None:
    def dribble(_request: Request, conn: socket.socket) -> bool:
        peer.drip(conn, b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n")
        return False

    peer.will(dribble)
    began = time.monotonic()
    assert send(ID, BODY) == ReceiverAnswer(None, "no answer within 1 s")
    assert 0.9 < time.monotonic() - began < 1.6


def test_a_yes_counts_whatever_comes_after_it(peer: Peer, send: Sender) -> None:
    def endless(_request: Request, conn: socket.socket) -> bool:
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        conn.sendall(b" " * 4 * ANSWER_BYTES)
        return False

    peer.will(endless)
    assert send(ID, BODY) == ReceiverAnswer(200, "200")


def test_an_answer_that_is_no_http_is_told_without_a_word_of_it(peer: Peer, send: Sender) -> None:
    def babble(_request: Request, conn: socket.socket) -> bool:
        conn.sendall(b"<script>key=of-the-receiver</script>\r\n\r\n")
        return False

    peer.will(babble)
    assert send(ID, BODY) == ReceiverAnswer(None, "not an HTTP response")


def test_nobody_there_is_told(secret: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert Sender(f"http://127.0.0.1:{port}", secret, utc_now)(ID, BODY) == ReceiverAnswer(
        None, "no connection"
    )


def test_tls_is_verified_and_nothing_is_sent_to_a_stranger(secret: str, tmp_path: Path) -> None:
    files = certificates.made(tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(files.certificate, files.key)
    with Peer(served) as peer:
        peer.will(answering(b"", 204))
        answer = Sender(peer.url, secret, utc_now)(ID, BODY)
        assert answer == ReceiverAnswer(None, "certificate not trusted")
        assert peer.requests == []
        trusting = ssl.create_default_context(cafile=files.certificate)
        assert Sender(peer.url, secret, utc_now, tls=trusting)(ID, BODY).taken
