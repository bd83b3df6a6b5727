"""Ending a grant: only TikTok's own ways of saying yes are taken for one."""

import pytest

from webapp.settings import Settings
from webapp.tiktok.errors import AccessRefused, OurConfiguration, TryLater
from webapp.tiktok.provider import Provider

from .peer import Peer
from .test_exchange import FORM


@pytest.mark.rule(21)
@pytest.mark.rule(22)
@pytest.mark.rule(23)
@pytest.mark.rule(40)
def test_the_form_holds_the_access_token(
    provider: Provider, peer: Peer, settings: Settings
) -> None:
    peer.will_answer(b"")
    provider.revoke("act.made-up*1")
    (request,) = peer.requests
    assert (request.method, request.target) == ("POST", "/v2/oauth/revoke/")
    assert request.header("content-type") == FORM
    assert request.header("authorization") == []
    assert sorted(request.form) == [
        ("client_key", settings.tiktok_client_key),
        ("client_secret", settings.tiktok_client_secret.get_secret_value()),
        ("token", "act.made-up*1"),
    ]


@pytest.mark.rule(41)
@pytest.mark.parametrize(
    "body", [b"", b"{}", b" \r\n\t", b" {} ", b'{"error":{"code":"ok","message":""}}']
)
def test_emptiness_is_success(provider: Provider, peer: Peer, body: bytes) -> None:
    peer.will_answer(body)
    provider.revoke("act.made-up")


@pytest.mark.rule(42)
def test_an_error_body_is_no_success(provider: Provider, peer: Peer) -> None:
    peer.will_answer({"error": "invalid_client", "error_description": "x", "log_id": "1"})
    with pytest.raises(OurConfiguration):
        provider.revoke("act.made-up")
    peer.will_answer({"error": {"code": "access_token_invalid", "log_id": "2"}}, 401)
    with pytest.raises(AccessRefused) as caught:
        provider.revoke("act.made-up")
    assert caught.value.log_id == "2"


@pytest.mark.rule(42)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"<html></html>", 200),
        (b"[]", 200),
        (b'{"message":"error","data":{"error_code":10002}}', 200),
        (b"", 500),
        (b"{}", 404),
        (b"", 302),
    ],
)
def test_anything_else_is_no_success(
    provider: Provider, peer: Peer, body: bytes, status: int
) -> None:
    peer.will_answer(body, status)
    with pytest.raises(TryLater):
        provider.revoke("act.made-up")
