"""Token calls share one Authlib session, and each verifies TikTok's certificate itself."""

import json
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask

from benchmarks import certificates
from webapp.tiktok.errors import TryLater
from webapp.tiktok.provider import Provider, register
from webapp.tiktok.transport import Transport

from .conftest import NOW, OPEN_ID, MakeSettings, make_each_token_call
from .peer import Peer, Request, answering


def test_calls_at_the_same_time_do_not_mix_their_tokens(provider: Provider, peer: Peer) -> None:
    def name_what_came(request: Request, conn: socket.socket) -> bool:
        form = dict(request.form)
        token = form.get("refresh_token") or form["code"]
        answer = {"access_token": f"act.{token}", "refresh_token": f"rft.{token}"}
        answer |= {"open_id": OPEN_ID, "scope": "user.info.basic"}
        body = json.dumps(answer | {"expires_in": 86400, "refresh_expires_in": 31536000})
        return answering(body)(request, conn)

    def call(number: int) -> str:
        if number % 2:
            return provider.exchange(code=str(number), state=f"s{number}").access_token
        return provider.refresh(str(number)).access_token

    peer.will(name_what_came)
    with ThreadPoolExecutor(16) as threads:
        assert list(threads.map(call, range(200))) == [f"act.{number}" for number in range(200)]
    for request in peer.requests:
        grant = dict(request.form)["grant_type"]
        names = {"client_key", "client_secret", "grant_type"}
        if grant == "refresh_token":
            assert {name for name, _value in request.form} == names | {"refresh_token"}
        else:
            assert {"code", "redirect_uri"} <= {name for name, _value in request.form}
        # Nothing comes twice.
        assert len(dict(request.form)) == len(request.form)


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """Return the context of a server, and the certificate that it shows."""
    made = certificates.made(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.certificate, made.key)
    return context, made.certificate


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_each_refresh_verifies_the_certificate_whatever_was_verified_before(
    tls: tuple[ssl.SSLContext, Path],
    version: ssl.TLSVersion,
    tmp_path: Path,
    make_settings: MakeSettings,
    success: dict[str, object],
) -> None:
    server, certificate = tls
    server.maximum_version = version
    transport = Transport(seconds=5.0, tls=ssl.create_default_context(cafile=certificate))
    with Peer(server) as peer:
        peer.will_answer(success)
        settings = make_settings(TIKTOK_API_URL=peer.url)
        provider = register(Flask(__name__), settings, lambda: NOW, transport)
        for _ in range(3):
            assert provider.refresh("rft.made-up").open_id == OPEN_ID
        # The same server with the same TLS session keys, so it would resume the sessions it began.
        (tmp_path / "other").mkdir()
        other = certificates.made(tmp_path / "other")
        server.load_cert_chain(other.certificate, other.key)
        with pytest.raises(TryLater, match="no_connection") as caught:
            provider.refresh("rft.made-up")
        assert not caught.value.outcome_unknown
        assert len(peer.requests) == 3


def test_every_call_of_the_login_names_this_app_and_no_library(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    make_each_token_call(provider, peer, success)
    assert [request.header("user-agent") for request in peer.requests] == [["Coatcheck"]] * 3
