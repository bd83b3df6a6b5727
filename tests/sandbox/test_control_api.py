"""The control API under /control/ does what it says, for this machine only."""

import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.token import challenge_of
from sandbox.webhooks import signature
from tests.sandbox.client import Client
from tests.sandbox.webhook_receiver import WebhookReceiver
from tests.services.test_disconnect_waits import until


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_signature_and_challenge_match_known_values() -> None:
    body = (
        '{"client_key":"bwo2m45353a6k85","event":"authorization.removed",'
        '"create_time":1615338610,"user_openid":"act.example12345Example12345Example",'
        '"content":"{\\"reason\\": 1 }"}'
    )
    expected = "39c29244091b6bb0d67eca735a97218805842b7c8cea52dde8296f6c0c36ae09"
    assert signature("test_client_secret", 1633174587, body.encode()) == expected
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    expected = "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"
    assert challenge_of(verifier) == expected


def test_a_grant_without_the_flow_is_complete_and_works(sandbox: Client) -> None:
    tokens = sandbox.control("grants", person="noor", scopes=["user.info.basic", "video.list"])
    assert tokens["scope"] == "user.info.basic,video.list"
    assert sandbox.user(tokens["access_token"]).status_code == 200
    assert "access_token" in sandbox.refresh(tokens["refresh_token"]).json()
    by_text = sandbox.control("grants", person="jo", scopes="user.info.basic")
    assert by_text["scope"] == "user.info.basic"
    assert sandbox.control("grants", person="jo")["scope"] == "user.info.basic"


def test_a_crowd_consents_and_each_grant_is_stored(sandbox: Client) -> None:
    grants = sandbox.control("crowd", count=12)["grants"]
    assert len({grant["open_id"] for grant in grants}) == 12
    held = sandbox.read("books")["grants"]
    for grant in grants:
        assert held[grant["open_id"]]["refresh_token_sha256"] == sha256(grant["refresh_token"])
        assert grant["scope"] == "user.info.basic"
    assert held[grants[11]["open_id"]]["person"] == "p00011"


def test_the_books_hold_hashes_of_the_current_tokens(sandbox: Client) -> None:
    first = sandbox.sign_in("mara")
    second = sandbox.refresh(first["refresh_token"]).json()
    books = sandbox.read("books")
    grant = books["grants"][first["open_id"]]
    assert grant["person"] == "mara"
    assert grant["access_token_sha256"] == sha256(second["access_token"])
    assert grant["refresh_token_sha256"] == sha256(second["refresh_token"])
    assert grant["scopes"] == ["user.info.basic", "video.list"]
    assert grant["revoked"] is False
    assert "act." not in json.dumps(books)
    assert "rft." not in json.dumps(books)


def test_lifetimes_are_returned_and_enforced(sandbox: Client) -> None:
    sandbox.control("lifetimes", expires_in=0, refresh_expires_in=60)
    tokens = sandbox.sign_in()
    assert (tokens["expires_in"], tokens["refresh_expires_in"]) == (0, 60)
    assert sandbox.user(tokens["access_token"]).status_code == 401


def test_latency_waits_before_or_after_the_work(sandbox: Client) -> None:
    for after in (False, True):
        sandbox.control("latency", seconds=0.2, endpoint="token", after=after)
        began = time.monotonic()
        sandbox.refresh("rft.any")
        assert time.monotonic() - began >= 0.2
    sandbox.control("latency", seconds=0)


def test_release_also_ends_the_latency_of_waiting_calls(sandbox: Client) -> None:
    sandbox.control("latency", seconds=60, endpoint="token")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sandbox.refresh, "rft.any")
        until(lambda: sandbox.read("counters")["open_calls"] == 1)
        assert not waiting.done()
        assert sandbox.control("release")["seconds"] == 0
        assert waiting.result(10).status_code == 200
    assert sandbox.refresh("rft.any").status_code == 200


def test_people_can_be_added_and_changed(sandbox: Client) -> None:
    sandbox.control("people", name="kim", display_name="Kim Ræv", follower_count=3)
    tokens = sandbox.sign_in("kim", grant="user.info.basic")
    sandbox.control("people", name="kim", display_name="Kim II")
    user = sandbox.user(tokens["access_token"], "display_name").json()["data"]["user"]
    assert user == {"display_name": "Kim II"}
    people = {person["name"]: person for person in sandbox.read("people")["people"]}
    assert people["kim"]["connected"] is True
    assert people["kim"]["open_id"] == tokens["open_id"]
    assert people["kim"]["follower_count"] == 3
    names = set(people)
    assert {"mara", "tomas", "aiko", "oluwaseun", "jo", "noor", "soren", "xiaolong"} <= names


@pytest.mark.parametrize(
    ("call", "body"),
    [
        ("people", {"name": "Has Space"}),
        ("people", {"name": "kim", "age": 3}),
        ("people", {"name": "kim", "display_name": "\ud800"}),
        ("people", {"name": "kim", "follower_count": "3"}),
        ("grants", {"person": "nobody"}),
        ("crowd", {}),
        ("crowd", {"count": 0}),
        ("crowd", {"count": "10"}),
        ("grants", {"person": "jo", "scopes": ["nonsense"]}),
        ("lifetimes", {"expires": 1}),
        ("lifetimes", {"expires_in": -1}),
        ("lifetimes", {"expires_in": True}),
        ("latency", {"seconds": "1"}),
        ("latency", {"seconds": 1, "endpoint": "tokens"}),
        ("settings", {"auto_auth": "nobody"}),
        ("settings", {"error_status": "400"}),
        ("webhook", {"url": "https://example.test/hook"}),
        ("webhook/send", {"person": "jo"}),
        ("deauthorize", {"person": "nobody"}),
        ("deauthorize", {"person": "jo", "reason": "1"}),
    ],
)
def test_an_invalid_request_is_refused_with_a_message(
    sandbox: Client, call: str, body: dict[str, Any]
) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/control/{call}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_only_json_and_only_loopback_host_names_are_accepted(sandbox: Client) -> None:
    forget = f"{sandbox.url}/control/forget"
    assert sandbox.http.post(forget, data={"x": "y"}).status_code == 415
    assert sandbox.http.post(forget).status_code == 415
    answer = sandbox.http.post(forget, json={}, headers={"Host": "evil.example.test"})
    assert answer.status_code == 400
    assert sandbox.http.get(f"{sandbox.url}/control/nothing").status_code == 404


def test_deauthorizing_ends_the_tokens_and_sends_the_signed_webhook(
    sandbox: Client, receiver: WebhookReceiver
) -> None:
    sandbox.control("webhook", url=receiver.url)
    tokens = sandbox.sign_in("aiko")
    done = sandbox.control("deauthorize", person="aiko", reason=4)
    assert (done["open_id"], done["had_consent"]) == (tokens["open_id"], True)
    assert sandbox.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert sandbox.user(tokens["access_token"]).status_code == 401

    [delivery] = sandbox.read("webhooks?wait=10")["deliveries"]
    assert (delivery["id"], delivery["status"], delivery["done"]) == (done["delivery"], 200, True)
    [(headers, body)] = receiver.received
    parts = dict(part.split("=") for part in headers["TikTok-Signature"].split(","))
    mac = hmac.new(sandbox.secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256)
    assert parts["s"] == mac.hexdigest()
    sent = json.loads(body)
    assert sent["client_key"] == sandbox.key
    assert sent["event"] == "authorization.removed"
    assert sent["user_openid"] == tokens["open_id"]
    assert json.loads(sent["content"]) == {"reason": 4}


def test_a_webhook_can_be_old_foreign_or_forged(sandbox: Client, receiver: WebhookReceiver) -> None:
    sandbox.control("webhook", url=receiver.url)
    event = {"event": "x.y", "open_id": "-000z", "content": {"a": 1}, "create_time": 5}
    sandbox.control("webhook/send", **event, timestamp=7, client_key="foreign", tamper=True)
    [delivery] = sandbox.read("webhooks?wait=10")["deliveries"]
    assert delivery["timestamp"] == 7
    [(headers, body)] = receiver.received
    assert json.loads(body)["client_key"] == "foreign"
    signed = headers["TikTok-Signature"].partition(",s=")[2]
    assert signed != signature(sandbox.secret, 7, body)


def test_an_unreachable_receiver_is_an_error_and_no_address_is_no_delivery(sandbox: Client) -> None:
    assert sandbox.control("deauthorize", person="jo")["delivery"] is None
    sandbox.control("webhook", url="http://127.0.0.1:1/hook")
    sandbox.control("deauthorize", person="jo")
    [delivery] = sandbox.read("webhooks?wait=10")["deliveries"]
    assert (delivery["status"], delivery["error"]) == (None, "ConnectionError")


def test_a_revoke_can_send_reason_five(sandbox: Client, receiver: WebhookReceiver) -> None:
    sandbox.control("webhook", url=receiver.url)
    sandbox.control("settings", webhook_on_revoke=True)
    sandbox.revoke(sandbox.sign_in()["access_token"])
    sandbox.read("webhooks?wait=10")
    [(_, body)] = receiver.received
    assert json.loads(json.loads(body)["content"]) == {"reason": 5}


def test_forget_resets_everything(sandbox: Client) -> None:
    tokens = sandbox.sign_in()
    sandbox.control("people", name="kim")
    sandbox.control("lifetimes", expires_in=5)
    sandbox.control("faults", endpoint="token", kind="empty")
    sandbox.control("forget")
    assert sandbox.read("books") == {"grants": {}}
    assert sandbox.read("counters")["calls"] == {}
    assert sandbox.read("faults") == {"faults": []}
    assert "kim" not in {person["name"] for person in sandbox.read("people")["people"]}
    again = sandbox.sign_in()
    assert (again["expires_in"], again["open_id"]) == (7200, tokens["open_id"])
