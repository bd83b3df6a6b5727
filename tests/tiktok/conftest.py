"""A provider that talks to a peer on a real socket, with secrets made for the one test."""

import base64
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask import Flask

from webapp.settings import Settings, load
from webapp.tiktok.provider import Provider, register
from webapp.tiktok.transport import Transport

from .peer import Peer

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
OPEN_ID = "-000Made-Up-Person"

MakeSettings = Callable[..., Settings]


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as listening:
        yield listening


@pytest.fixture
def make_settings() -> MakeSettings:
    """Return settings for tests, some of them given as environment variables."""

    def make(**environment: str) -> Settings:
        return load(
            {
                "TIKTOK_CLIENT_KEY": "aw" + secrets.token_hex(8),
                "TIKTOK_CLIENT_SECRET": secrets.token_hex(16),
                "TIKTOK_REDIRECT_URI": "http://127.0.0.1:8000/api/auth/tiktok/callback",
                "SECRET_KEY": secrets.token_urlsafe(48),
                "TOKEN_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
                "ALLOW_SANDBOX": "1",
                **environment,
            }
        )

    return make


@pytest.fixture
def settings(peer: Peer, make_settings: MakeSettings) -> Settings:
    return make_settings(TIKTOK_API_URL=peer.url)


@pytest.fixture
def make_provider() -> Callable[[Settings], Provider]:
    return lambda settings: register(
        Flask(__name__), settings, lambda: NOW, Transport(seconds=1.0, answer_bytes=20_000)
    )


@pytest.fixture
def provider(settings: Settings, make_provider: Callable[[Settings], Provider]) -> Provider:
    return make_provider(settings)


@pytest.fixture
def success() -> dict[str, object]:
    """Return a whole answer of the token endpoint, with tokens made up on the spot."""
    return {
        "access_token": "act." + secrets.token_urlsafe(24),
        "expires_in": 86400,
        "open_id": OPEN_ID,
        "refresh_expires_in": 31536000,
        "refresh_token": "rft." + secrets.token_urlsafe(24),
        "scope": "user.info.basic,video.list",
        "token_type": "Bearer",
    }


def make_each_token_call(provider: Provider, peer: Peer, success: dict[str, object]) -> None:
    """Exchange a code, refresh and revoke, each with success."""
    peer.will_answer(success)
    provider.exchange(code="made-up", state="s")
    provider.refresh("rft.made-up")
    peer.will_answer(b"")
    provider.revoke("act.made-up")
