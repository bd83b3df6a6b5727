"""The levers under /control/ do what they say and open to this machine alone."""

import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sandbox.token import challenge_of
from sandbox.webhooks import signature
from tests.sandbox.client import Caller
from tests.sandbox.webhook_receiver import Inbox
from tests.services.test_disconnect_waits import until


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_contracts_vectors_pass() -> None:
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


def test_a_grant_without_the_dance_is_whole_and_works(sandbox: Caller) -> None:
    told = sandbox.control("grants", person="noor", scopes=["user.info.basic", "video.list"])
    assert told["scope"] == "user.info.basic,video.list"
    assert sandbox.user(told["access_token"]).status_code == 200
    assert "access_token" in sandbox.refresh(told["refresh_token"]).json()
    by_text = sandbox.control("grants", person="jo", scopes="user.info.basic")
    assert by_text["scope"] == "user.info.basic"
    assert sandbox.control("grants", person="jo")["scope"] == "user.info.basic"


def test_a_crowd_consents_at_once_and_each_grant_works(sandbox: Caller) -> None:
    grants = sandbox.control("crowd", count=12)["grants"]
    assert len({grant["open_id"] for grant in grants}) == 12
    held = sandbox.look("books")["grants"]
    for grant in grants:
        assert held[grant["open_id"]]["refresh_token_sha256"] == sha256(grant["refresh_token"])
        assert grant["scope"] == "user.info.basic"
    assert held[grants[11]["open_id"]]["person"] == "p00011"


def test_the_books_hold_hashes_of_what_lives(sandbox: Caller) -> None:
    first = sandbox.sign_in("mara")
    second = sandbox.refresh(first["refresh_token"]).json()
    told = sandbox.look("books")
    grant = told["grants"][first["open_id"]]
    assert grant["person"] == "mara"
    assert grant["access_token_sha256"] == sha256(second["access_token"])
    assert grant["refresh_token_sha256"] == sha256(second["refresh_token"])
    assert grant["scopes"] == ["user.info.basic", "video.list"]
    assert grant["revoked"] is False
    assert "act." not in json.dumps(told)
    assert "rft." not in json.dumps(told)


def test_lifetimes_are_told_and_kept(sandbox: Caller) -> None:
    sandbox.control("lifetimes", expires_in=0, refresh_expires_in=60)
    told = sandbox.sign_in()
    assert (told["expires_in"], told["refresh_expires_in"]) == (0, 60)
    assert sandbox.user(told["access_token"]).status_code == 401


def test_latency_waits_before_or_after_the_work(sandbox: Caller) -> None:
    for after in (False, True):
        sandbox.control("latency", seconds=0.2, endpoint="token", after=after)
        began = time.monotonic()
        sandbox.refresh("rft.any")
        assert time.monotonic() - began >= 0.2
    sandbox.control("latency", seconds=0)


def test_release_ends_the_latency_for_calls_that_wait_too(sandbox: Caller) -> None:
    sandbox.control("latency", seconds=60, endpoint="token")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(sandbox.refresh, "rft.any")
        until(lambda: sandbox.look("counters")["open_calls"] == 1)
        assert not waiting.done()
        assert sandbox.control("release")["seconds"] == 0
        assert waiting.result(10).status_code == 200
    assert sandbox.refresh("rft.any").status_code == 200


def test_people_can_be_added_and_changed(sandbox: Caller) -> None:
    sandbox.control("people", name="kim", display_name="Kim Ræv", follower_count=3)
    told = sandbox.sign_in("kim", grant="user.info.basic")
    sandbox.control("people", name="kim", display_name="Kim II")
    user = sandbox.user(told["access_token"], "display_name").json()["data"]["user"]
    assert user == {"display_name": "Kim II"}
    people = {person["name"]: person for person in sandbox.look("people")["people"]}
    assert people["kim"]["connected"] is True
    assert people["kim"]["open_id"] == told["open_id"]
    assert people["kim"]["follower_count"] == 3
    names = set(people)
    assert {"mara", "tomas", "aiko", "oluwaseun", "jo", "noor", "soren", "xiaolong"} <= names


@pytest.mark.parametrize(
    ("act", "wish"),
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
def test_what_does_not_fit_is_refused_in_words(
    sandbox: Caller, act: str, wish: dict[str, Any]
) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/control/{act}", json=wish)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_only_json_and_only_this_machines_names_get_in(sandbox: Caller) -> None:
    forget = f"{sandbox.url}/control/forget"
    assert sandbox.http.post(forget, data={"x": "y"}).status_code == 415
    assert sandbox.http.post(forget).status_code == 415
    answer = sandbox.http.post(forget, json={}, headers={"Host": "evil.example.test"})
    assert answer.status_code == 400
    assert sandbox.http.get(f"{sandbox.url}/control/nothing").status_code == 404


def test_deauthorizing_kills_the_tokens_and_sends_the_signed_notice(
    sandbox: Caller, inbox: Inbox
) -> None:
    sandbox.control("webhook", url=inbox.url)
    told = sandbox.sign_in("aiko")
    done = sandbox.control("deauthorize", person="aiko", reason=4)
    assert (done["open_id"], done["had_consent"]) == (told["open_id"], True)
    assert sandbox.refresh(told["refresh_token"]).json()["error"] == "invalid_grant"
    assert sandbox.user(told["access_token"]).status_code == 401

    [delivery] = sandbox.look("webhooks?wait=10")["deliveries"]
    assert (delivery["id"], delivery["status"], delivery["done"]) == (done["delivery"], 200, True)
    [(headers, body)] = inbox.letters
    parts = dict(part.split("=") for part in headers["TikTok-Signature"].split(","))
    mac = hmac.new(sandbox.secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256)
    assert parts["s"] == mac.hexdigest()
    told_by_mail = json.loads(body)
    assert told_by_mail["client_key"] == sandbox.key
    assert told_by_mail["event"] == "authorization.removed"
    assert told_by_mail["user_openid"] == told["open_id"]
    assert json.loads(told_by_mail["content"]) == {"reason": 4}


def test_a_notice_can_be_old_foreign_or_forged(sandbox: Caller, inbox: Inbox) -> None:
    sandbox.control("webhook", url=inbox.url)
    wish = {"event": "x.y", "open_id": "-000z", "content": {"a": 1}, "create_time": 5}
    sandbox.control("webhook/send", **wish, timestamp=7, client_key="foreign", tamper=True)
    [delivery] = sandbox.look("webhooks?wait=10")["deliveries"]
    assert delivery["timestamp"] == 7
    [(headers, body)] = inbox.letters
    assert json.loads(body)["client_key"] == "foreign"
    seal = headers["TikTok-Signature"].partition(",s=")[2]
    assert seal != signature(sandbox.secret, 7, body)


def test_a_receiver_that_is_away_is_told_and_no_address_is_no_delivery(sandbox: Caller) -> None:
    assert sandbox.control("deauthorize", person="jo")["delivery"] is None
    sandbox.control("webhook", url="http://127.0.0.1:1/hook")
    sandbox.control("deauthorize", person="jo")
    [delivery] = sandbox.look("webhooks?wait=10")["deliveries"]
    assert (delivery["status"], delivery["error"]) == (None, "ConnectionError")


def test_a_revoke_can_send_reason_five(sandbox: Caller, inbox: Inbox) -> None:
    sandbox.control("webhook", url=inbox.url)
    sandbox.control("settings", webhook_on_revoke=True)
    sandbox.revoke(sandbox.sign_in()["access_token"])
    sandbox.look("webhooks?wait=10")
    [(_, body)] = inbox.letters
    assert json.loads(json.loads(body)["content"]) == {"reason": 5}


def test_forget_forgets_everything(sandbox: Caller) -> None:
    told = sandbox.sign_in()
    sandbox.control("people", name="kim")
    sandbox.control("lifetimes", expires_in=5)
    sandbox.control("faults", endpoint="token", kind="empty")
    sandbox.control("forget")
    assert sandbox.look("books") == {"grants": {}}
    assert sandbox.look("counters")["calls"] == {}
    assert sandbox.look("faults") == {"faults": []}
    assert "kim" not in {person["name"] for person in sandbox.look("people")["people"]}
    again = sandbox.sign_in()
    assert (again["expires_in"], again["open_id"]) == (7200, told["open_id"])
