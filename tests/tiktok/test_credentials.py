"""Checking client key and secret: only `invalid_client` proves a wrong pair."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from webapp.settings import Settings
from webapp.tiktok.errors import OurConfiguration, TryLater
from webapp.tiktok.provider import Provider

from .conftest import NOW
from .peer import Peer


def test_the_check_asks_for_client_credentials(
    provider: Provider, peer: Peer, settings: Settings
) -> None:
    peer.will_answer({"access_token": "clt.made-up", "expires_in": 7200, "token_type": "Bearer"})
    assert provider.check_credentials().error is None
    assert sorted(peer.requests[0].form) == [
        ("client_key", settings.tiktok_client_key),
        ("client_secret", settings.tiktok_client_secret.get_secret_value()),
        ("grant_type", "client_credentials"),
    ]


def test_invalid_client_is_the_proof(provider: Provider, peer: Peer) -> None:
    peer.will_answer({"error": "invalid_client", "log_id": "1"}, 200)
    assert isinstance(provider.check_credentials().error, OurConfiguration)


@pytest.mark.parametrize(
    "error", ["unauthorized_client", "unsupported_grant_type", "invalid_request", "invalid_grant"]
)
def test_other_refusals_prove_nothing(provider: Provider, peer: Peer, error: str) -> None:
    peer.will_answer({"error": error, "log_id": "1"}, 400)
    assert provider.check_credentials().error is None


@pytest.mark.parametrize(("body", "status"), [("<html>", 200), ("", 503), ('{"a":1}', 500)])
def test_an_unusable_answer_is_reported_and_raises_nothing(
    provider: Provider, peer: Peer, body: str, status: int
) -> None:
    peer.will_answer(body, status)
    assert isinstance(provider.check_credentials().error, TryLater)


def test_the_check_measures_its_duration_and_the_clock_skew(provider: Provider, peer: Peer) -> None:
    then = NOW - timedelta(minutes=10)
    body = {"access_token": "clt.made-up", "expires_in": 7200, "token_type": "Bearer"}
    peer.will_answer(body, headers={"Date": format_datetime(then, usegmt=True)})
    found = provider.check_credentials()
    assert found.error is None
    assert 0 < found.seconds < 10
    assert found.ahead == timedelta(minutes=10)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Mon, 99 Nov 2026 25:00:00 GMT"])
def test_without_a_date_the_skew_is_unknown(
    provider: Provider, peer: Peer, date: str | None
) -> None:
    headers = {} if date is None else {"Date": date}
    peer.will_answer({"error": "invalid_client", "log_id": "1"}, 200, headers=headers)
    found = provider.check_credentials()
    assert isinstance(found.error, OurConfiguration)
    assert found.ahead is None
