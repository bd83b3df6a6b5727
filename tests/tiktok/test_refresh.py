"""A refresh is judged leniently: the refresh token that was spent is dead whatever came back."""

import json
from datetime import timedelta

import pytest

from webapp.settings import Settings
from webapp.tiktok.errors import ConnectAgain, OurConfiguration, TryLater
from webapp.tiktok.provider import Provider

from .conftest import NOW, OPEN_ID
from .peer import Peer
from .test_exchange import ABSURD, FORM

OLD = "rft.made-up!*/+="


@pytest.mark.rule(24)
@pytest.mark.rule(22)
@pytest.mark.rule(23)
def test_the_form_has_exactly_four_parameters(
    provider: Provider, peer: Peer, settings: Settings, success: dict[str, object]
) -> None:
    peer.will_answer(success)
    provider.refresh(OLD)
    (request,) = peer.requests
    assert request.target == "/v2/oauth/token/"
    assert request.header("content-type") == FORM
    assert request.header("authorization") == []
    assert sorted(request.form) == [
        ("client_key", settings.tiktok_client_key),
        ("client_secret", settings.tiktok_client_secret.get_secret_value()),
        ("grant_type", "refresh_token"),
        ("refresh_token", OLD),
    ]


@pytest.mark.rule(29)
def test_a_whole_answer_becomes_a_token_set(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    peer.will_answer({**success, "expires_in": "7200", "scope": "user.info.basic"})
    tokens = provider.refresh(OLD)
    assert tokens.refresh_token == success["refresh_token"]
    assert tokens.open_id == OPEN_ID
    assert tokens.scopes == frozenset({"user.info.basic"})
    assert tokens.access_expires_at == NOW + timedelta(hours=2)
    assert tokens.life_known


@pytest.mark.rule(26)
@pytest.mark.parametrize("value", [*ABSURD, float("nan"), float("inf")])
def test_an_absurd_lifetime_never_costs_the_new_tokens(
    provider: Provider, peer: Peer, success: dict[str, object], value: object
) -> None:
    peer.will_answer({**success, "expires_in": value, "refresh_expires_in": value})
    tokens = provider.refresh(OLD)
    assert tokens.refresh_token == success["refresh_token"]
    assert tokens.access_expires_at == NOW + timedelta(minutes=5)
    assert tokens.refresh_expires_at is None
    assert not tokens.life_known


@pytest.mark.rule(26)
@pytest.mark.rule(38)
@pytest.mark.parametrize("value", [None, "", "  ", 7, [], {}, True, "\ud800"])
def test_a_refresh_token_that_is_none_never_overwrites(
    provider: Provider, peer: Peer, success: dict[str, object], value: object
) -> None:
    peer.will_answer({**success, "refresh_token": value, "open_id": value, "scope": value})
    tokens = provider.refresh(OLD)
    assert tokens.access_token == success["access_token"]
    assert tokens.refresh_token is None
    assert tokens.open_id is None


@pytest.mark.rule(38)
def test_an_access_token_alone_is_kept(provider: Provider, peer: Peer) -> None:
    peer.will_answer({"access_token": "act.alone"})
    tokens = provider.refresh(OLD)
    assert tokens.access_token == "act.alone"
    assert (tokens.refresh_token, tokens.open_id, tokens.scopes) == (None, None, None)


@pytest.mark.rule(26)
@pytest.mark.parametrize("status", [200, 202, 404, 500, 503])
def test_new_tokens_are_kept_under_any_status(
    provider: Provider, peer: Peer, success: dict[str, object], status: int
) -> None:
    peer.will_answer(success, status)
    assert provider.refresh(OLD).refresh_token == success["refresh_token"]


@pytest.mark.rule(26)
@pytest.mark.parametrize("value", [None, "", "  ", 7, True, ["act"], "\ud800"])
def test_without_an_access_token_nothing_is_kept(
    provider: Provider, peer: Peer, success: dict[str, object], value: object
) -> None:
    peer.will_answer({**success, "access_token": value})
    with pytest.raises(TryLater):
        provider.refresh(OLD)


@pytest.mark.rule(26)
def test_ugly_json_never_costs_the_new_tokens(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    inner = json.dumps(success).encode()[1:-1]
    for body in (
        b"\xef\xbb\xbf{" + inner + b"}",
        b"{" + inner + b',"note":"\xff\xfe"}',
        b"{" + inner + b',"expires_in":NaN}',
        b"{" + inner + b',"expires_in":' + b"9" * 5000 + b"}",
        b"{" + inner + b',"scope":"first","scope":"user.info.basic"}',
    ):
        peer.will_answer(body)
        tokens = provider.refresh(OLD)
        assert tokens.access_token == success["access_token"]
        assert tokens.refresh_token == success["refresh_token"]


def test_scopes_that_no_database_takes_are_left_out(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    peer.will_answer({**success, "scope": "user.info.basic, video.list,\u0000,<b>," + "x" * 99})
    assert provider.refresh(OLD).scopes == frozenset({"user.info.basic", "video.list"})


@pytest.mark.rule(25)
@pytest.mark.rule(34)
def test_a_dead_refresh_token_means_connecting_again(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    peer.will_answer({**success, "error": "invalid_grant"})
    with pytest.raises(ConnectAgain, match="invalid_grant"):
        provider.refresh(OLD)


@pytest.mark.rule(35)
def test_a_wrong_client_is_never_the_persons_fault(provider: Provider, peer: Peer) -> None:
    peer.will_answer({"error": "invalid_client", "error_description": "", "log_id": "1"}, 401)
    with pytest.raises(OurConfiguration):
        provider.refresh(OLD)
