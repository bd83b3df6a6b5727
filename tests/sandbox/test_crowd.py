"""A crowd of planned people: who consents, and what TikTok will say about each."""

from typing import Any

import pytest

from tests.sandbox.client import Client, start, stop
from tests.sandbox.test_control_api import sha256


def test_a_crowd_consents_as_planned_for_each_person(sandbox: Client) -> None:
    plans: list[dict[str, Any]] = [
        {"name": "demo.1", "open_id": "-000demo-1", "display_name": "Ana", "expires_in": 300},
        {"name": "demo.2", "scopes": ["user.info.basic"], "expires_in": 0},
        {"name": "demo.3", "refresh_expires_in": 90},
    ]
    named, narrow, ending = sandbox.control(
        "crowd", people=plans, scopes=["user.info.basic", "video.list"]
    )["grants"]
    assert (named["open_id"], named["expires_in"]) == ("-000demo-1", 300)
    assert [each["scope"] for each in (named, narrow)] == [
        "user.info.basic,video.list",
        "user.info.basic",
    ]
    assert sandbox.user(named["access_token"]).json()["data"]["user"]["display_name"] == "Ana"
    assert sandbox.user(narrow["access_token"]).status_code == 401, "it has expired"
    again = sandbox.refresh(named["refresh_token"]).json()
    assert (again["open_id"], again["expires_in"]) == ("-000demo-1", 7200)
    later = sandbox.refresh(ending["refresh_token"]).json()
    assert 80 <= later["refresh_expires_in"] <= 90, "a refresh must not prolong the consent"
    assert sandbox.control("grants", person="demo.3")["refresh_expires_in"] == 15_552_000


def test_a_planned_error_refuses_refreshes_and_revocations_until_the_next_consent(
    sandbox: Client,
) -> None:
    plan = {"name": "demo.1", "error": "temporarily_unavailable"}
    (granted,) = sandbox.control("crowd", people=[plan])["grants"]
    for _ in range(2):
        refused = sandbox.refresh(granted["refresh_token"]).json()
        assert refused["error"] == "temporarily_unavailable"
        assert refused["log_id"]
    revoked = sandbox.revoke(granted["access_token"])
    assert revoked.json()["error"] == "temporarily_unavailable"
    assert sandbox.user(granted["access_token"]).status_code == 200
    held = sandbox.read("books")["grants"][granted["open_id"]]
    assert held["refresh_token_sha256"] == sha256(granted["refresh_token"]), "it was rotated"
    renewed = sandbox.control("grants", person="demo.1")
    assert "access_token" in sandbox.refresh(renewed["refresh_token"]).json()


def test_a_planned_error_can_be_over_after_some_calls(sandbox: Client) -> None:
    plan = {"name": "demo.1", "error": "server_error", "times": 2}
    (granted,) = sandbox.control("crowd", people=[plan])["grants"]
    answers = [sandbox.refresh(granted["refresh_token"]).json() for _ in range(3)]
    assert [answer.get("error") for answer in answers] == ["server_error", "server_error", None]


@pytest.mark.parametrize("why", ["revoked", "deauthorized"])
def test_a_consent_can_be_planned_to_be_over(sandbox: Client, why: str) -> None:
    (over,) = sandbox.control("crowd", people=[{"name": "demo.1", "ended": why}])["grants"]
    assert sandbox.refresh(over["refresh_token"]).json()["error"] == "invalid_grant"
    assert sandbox.user(over["access_token"]).status_code == 401
    assert sandbox.read("counters")["dead_refresh_tokens_seen"][why] == 1


def test_the_consent_page_offers_only_people_who_are_listed(sandbox: Client) -> None:
    sandbox.control("crowd", people=[{"name": "demo.1", "display_name": "Ana Crowd"}])
    sandbox.control("people", name="mallory", listed=False)
    page = sandbox.authorize(sandbox.request()).text
    assert "Mara Lindqvist" in page
    assert "Ana Crowd" not in page + sandbox.http.get(sandbox.url).text
    assert "mallory" not in page
    listed = {each["name"]: each["listed"] for each in sandbox.read("people")["people"]}
    assert (listed["mara"], listed["demo.1"], listed["mallory"]) == (True, False, False)
    assert "code" in sandbox.redirected(sandbox.request(), login_as="demo.1")


def test_a_crowd_of_which_one_is_invalid_is_refused_as_a_whole(sandbox: Client) -> None:
    for wrong in (
        {"name": "demo.2", "error": "No such code"},
        {"name": "demo.2", "expires_in": -1},
        {"name": "demo.2", "ended": "yes"},
        {"name": "demo.2", "error": "server_error", "times": "2"},
        {"name": "demo.2", "open_id": "a b"},
        {"name": "demo.2", "nickname": "x"},
        {"display_name": "Nameless"},
        "demo.2",
    ):
        answer = sandbox.http.post(
            f"{sandbox.url}/control/crowd", json={"people": [{"name": "demo.1"}, wrong]}
        )
        assert answer.status_code == 400, wrong
    assert not [each for each in sandbox.read("people")["people"] if each["name"] == "demo.1"]


def test_the_consent_page_calls_the_app_by_its_name() -> None:
    started = start("--app-name", "A demo of ours", key="some-key", secret="some-secret")
    client = Client(started.url, "some-key", "some-secret")
    try:
        page = client.authorize(client.request()).text
    finally:
        client.http.close()
        stop(started)
    assert "<strong>A demo of ours</strong> wants to connect" in page
    assert "some-key</code>" not in page
