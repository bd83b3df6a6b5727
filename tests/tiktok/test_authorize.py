"""The way to TikTok: what the authorize URL says and what it keeps to itself."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from webapp.settings import Settings
from webapp.tiktok.pkce import code_challenge, code_verifier
from webapp.tiktok.provider import Provider

from .conftest import MakeSettings


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, strict_parsing=True)


@pytest.mark.rule(1)
def test_the_url_starts_with_tiktoks_authorize_url(
    make_settings: MakeSettings, make_provider: Callable[[Settings], Provider]
) -> None:
    url = make_provider(make_settings()).authorization_url(state="s" * 43, scopes=())
    assert url.startswith("https://www.tiktok.com/v2/auth/authorize/?")


@pytest.mark.rule(2)
@pytest.mark.rule(3)
@pytest.mark.rule(7)
def test_the_url_holds_client_key_and_never_client_id_or_secret(
    provider: Provider, settings: Settings
) -> None:
    url = provider.authorization_url(state="s" * 43, scopes=["video.list"])
    query = query_of(url)
    assert query["client_key"] == [settings.tiktok_client_key]
    assert query["response_type"] == ["code"]
    assert query["redirect_uri"] == [settings.tiktok_redirect_uri]
    assert query["state"] == ["s" * 43]
    assert "client_id" not in query
    assert settings.tiktok_client_secret.get_secret_value() not in url
    assert settings.secret_key.get_secret_value() not in url


@pytest.mark.rule(4)
@pytest.mark.rule(5)
def test_scopes_are_joined_by_commas_once_each_with_the_basic_one(provider: Provider) -> None:
    url = provider.authorization_url(state="s", scopes=["video.list", "video.list", "video.upload"])
    assert query_of(url)["scope"] == ["user.info.basic,video.list,video.upload"]


@pytest.mark.rule(10)
def test_another_account_turns_tiktoks_automatic_answer_off(provider: Provider) -> None:
    plain = query_of(provider.authorization_url(state="s", scopes=()))
    other = query_of(provider.authorization_url(state="s", scopes=(), another_account=True))
    assert "disable_auto_auth" not in plain
    assert other["disable_auto_auth"] == ["1"]


@pytest.mark.rule(11)
def test_the_challenge_is_tiktoks_hex_one() -> None:
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    expected = "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"
    assert code_challenge(verifier) == expected


@pytest.mark.rule(11)
def test_every_attempt_has_its_own_challenge_and_the_verifier_stays_here(
    provider: Provider, settings: Settings
) -> None:
    urls = [provider.authorization_url(state=state, scopes=()) for state in ("one", "two")]
    first, second = (query_of(url) for url in urls)
    assert first["code_challenge_method"] == ["S256"]
    assert first["code_challenge"] != second["code_challenge"]
    verifier = code_verifier(settings.secret_key, "one")
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
    assert first["code_challenge"] == [code_challenge(verifier)]
    assert re.fullmatch(r"[0-9a-f]{64}", first["code_challenge"][0])
    assert verifier not in urls[0]


def test_without_pkce_no_challenge_is_sent(
    make_settings: MakeSettings, make_provider: Callable[[Settings], Provider]
) -> None:
    settings = make_settings(
        TIKTOK_PKCE="0", TIKTOK_REDIRECT_URI="https://example.org/api/auth/tiktok/callback"
    )
    query = query_of(make_provider(settings).authorization_url(state="s", scopes=()))
    assert not {"code_challenge", "code_challenge_method"} & query.keys()
