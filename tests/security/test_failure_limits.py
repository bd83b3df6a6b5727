"""How often one address may send a wrong key, signature or token; and what one address is."""

import secrets
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from limits.storage import MemoryStorage
from werkzeug.test import TestResponse

from tests.environment import CALLBACK
from tests.fixtures.app import MakeApp
from tests.movable import MovableClock
from tests.webhooks.notices import ADDRESS, TikTok
from webapp.services.handout import service_keys
from webapp.views.http import limits

#: As webapp/views/http/limits.py says: 60 a minute.
MOST = 60
TOKEN = secrets.token_urlsafe(32)
WRONG_KEY = {"Authorization": "Bearer wrong"}

Ask = Callable[..., TestResponse]


@pytest.fixture
def limited(make_app: MakeApp) -> Flask:
    """An app with limits."""
    return make_app(RATELIMIT_ENABLED="1", METRICS_TOKEN=TOKEN)


def ask_api(client: FlaskClient, address: str = "192.0.2.1") -> TestResponse:
    return client.get(
        "/api/v1/tokens/-000x", headers=WRONG_KEY, environ_overrides={"REMOTE_ADDR": address}
    )


def ask_metrics(client: FlaskClient, address: str = "192.0.2.1") -> TestResponse:
    return client.get("/metrics", headers=WRONG_KEY, environ_overrides={"REMOTE_ADDR": address})


def forge(client: FlaskClient, address: str = "192.0.2.1") -> TestResponse:
    return client.post(ADDRESS, data=b"{}", environ_overrides={"REMOTE_ADDR": address})


@pytest.mark.parametrize("ask", [ask_api, ask_metrics, forge])
def test_after_sixty_failures_a_minute_an_address_has_to_wait(limited: Flask, ask: Ask) -> None:
    client = limited.test_client()
    assert {ask(client).status_code for _ in range(MOST)} == {401}
    answer = ask(client)
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert ask(client, "192.0.2.2").status_code == 401, "another address"
    for other in {ask_api, ask_metrics, forge} - {ask}:
        assert other(client).status_code == 401, "counted by itself"


def test_the_api_says_so_as_a_problem(limited: Flask) -> None:
    client = limited.test_client()
    for _ in range(MOST + 1):
        answer = ask_api(client)
    assert answer.mimetype == "application/problem+json"
    problem = answer.get_json()
    assert (problem["code"], problem["status"], problem["retryable"]) == ("rate_limited", 429, True)
    assert problem["retry_after"] == int(answer.headers["Retry-After"])
    assert "address" in problem["detail"]


def test_who_is_right_is_not_locked_out_by_who_is_wrong(
    limited: Flask, clock: MovableClock
) -> None:
    """Without PROXY_HOPS, or behind one gateway, everyone has the same address."""
    client, same = limited.test_client(), {"REMOTE_ADDR": "192.0.2.1"}
    for _ in range(MOST + 5):
        ask_api(client), ask_metrics(client), forge(client)
    with limited.app_context():
        key = service_keys.issue("reports", clock())
    asked = {"Authorization": f"Bearer {key}"}
    answer = client.get("/api/v1/tokens/-000x", headers=asked, environ_overrides=same)
    assert answer.status_code == 404, "the key is accepted; nobody is called that"
    shown = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get("/metrics", headers=shown, environ_overrides=same).status_code == 200
    tiktok = TikTok(limited, clock)
    assert tiktok.sends(tiktok.body("-000nobody")).status_code == 200


def test_without_limits_there_are_none(make_app: MakeApp) -> None:
    client = make_app(RATELIMIT_ENABLED="0", METRICS_TOKEN=TOKEN).test_client()
    for ask in (ask_api, ask_metrics, forge):
        assert {ask(client).status_code for _ in range(MOST + 5)} == {401}


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_what_counts_as_one_address(app: Flask, address: str, counted: str) -> None:
    with app.test_request_context(environ_overrides={"REMOTE_ADDR": address}):
        assert limits.client_network() == counted


def test_a_network_of_ipv6_is_one_address_everywhere(limited: Flask) -> None:
    client = limited.test_client()

    def come(number: int, ask: Ask) -> int:
        return ask(client, f"2001:db8:1:2::{number:x}").status_code

    def call_back(client: FlaskClient, address: str) -> TestResponse:
        return client.get(CALLBACK, environ_overrides={"REMOTE_ADDR": address})

    for ask in (ask_api, ask_metrics, forge, call_back):
        statuses = [come(number, ask) for number in range(MOST + 1)]
        assert 429 not in statuses[:MOST]
        assert statuses[MOST] == 429
        assert ask(client, "2001:db8:1:3::1").status_code != 429, "the neighbors"


def test_while_the_shared_store_is_down_each_process_counts_by_itself(
    limited: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_args: object, **_options: object) -> int:
        raise ConnectionError("the store is down")

    shared = limited.extensions[limits._LIMITER]._storage
    assert isinstance(shared, MemoryStorage)
    monkeypatch.setattr(shared, "incr", down)
    monkeypatch.setattr(shared, "check", lambda: False)
    client = limited.test_client()
    assert ask_api(client).status_code == 401, "no 500"
    statuses = [client.get(CALLBACK).status_code for _ in range(MOST + 1)]
    assert (set(statuses[:MOST]), statuses[MOST]) == ({400}, 429)
