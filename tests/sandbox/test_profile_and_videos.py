"""User info and video list: only the requested fields, TikTok's error codes and statuses."""

from typing import Any

import pytest
import requests

from tests.sandbox.client import Client


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def videos(sandbox: Client, token: str, body: Any, fields: str = "id") -> requests.Response:
    return sandbox.http.post(
        f"{sandbox.url}/v2/video/list/",
        params={"fields": fields},
        json=body,
        headers={"Authorization": f"Bearer {token}"},
    )


def test_only_the_requested_fields_are_returned(sandbox: Client) -> None:
    tokens = sandbox.sign_in("tomas")
    answer = sandbox.user(tokens["access_token"], "open_id,display_name")
    assert code(answer) == (200, "ok")
    user = answer.json()["data"]["user"]
    assert user == {"open_id": tokens["open_id"], "display_name": "Tomás Ferreira"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("open_id,username", (401, "scope_not_authorized")),
        ("open_id,follower_count", (401, "scope_not_authorized")),
        ("open_id,email", (400, "invalid_params")),
        ("", (400, "invalid_params")),
    ],
)
def test_one_invalid_field_fails_the_whole_call(
    sandbox: Client, fields: str, expected: tuple[int, str]
) -> None:
    answer = sandbox.user(sandbox.sign_in()["access_token"], fields)
    assert code(answer) == expected
    assert "user" not in answer.json()["data"]


def test_narrowed_scopes_take_effect_immediately(sandbox: Client) -> None:
    tokens = sandbox.sign_in("mara")
    sandbox.control("narrow", person="mara", scopes=["video.list"])
    assert code(sandbox.user(tokens["access_token"])) == (401, "scope_not_authorized")
    assert sandbox.refresh(tokens["refresh_token"]).json()["scope"] == "video.list"


def test_dead_and_missing_tokens_are_invalid(sandbox: Client) -> None:
    tokens = sandbox.sign_in("mara")
    assert code(sandbox.user("act.unknown")) == (401, "access_token_invalid")
    assert code(sandbox.user(tokens["refresh_token"])) == (401, "access_token_invalid")
    sandbox.control("expire", person="mara")
    assert code(sandbox.user(tokens["access_token"])) == (401, "access_token_invalid")
    answer = sandbox.http.get(f"{sandbox.url}/v2/user/info/", params={"fields": "open_id"})
    assert code(answer) == (401, "access_token_invalid")


def test_an_access_token_survives_a_refresh_unless_set_otherwise(sandbox: Client) -> None:
    first = sandbox.sign_in()
    second = sandbox.refresh(first["refresh_token"]).json()
    assert code(sandbox.user(first["access_token"])) == (200, "ok")
    sandbox.control("settings", old_access_tokens_die=True)
    sandbox.refresh(second["refresh_token"])
    assert code(sandbox.user(second["access_token"])) == (401, "access_token_invalid")


def test_the_cursor_leads_through_every_page_of_videos(sandbox: Client) -> None:
    token = sandbox.sign_in("mara")["access_token"]
    seen: list[dict[str, Any]] = []
    body: dict[str, int] = {"max_count": 20}
    sizes = []
    while True:
        page = videos(sandbox, token, body, "id,create_time").json()["data"]
        sizes.append(len(page["videos"]))
        seen += page["videos"]
        assert page["cursor"] == page["videos"][-1]["create_time"] * 1000
        if not page["has_more"]:
            break
        body = {"max_count": 20, "cursor": page["cursor"]}
    assert sizes == [20, 20, 5]
    assert len({video["id"] for video in seen}) == 45
    assert set(seen[0]) == {"id", "create_time"}


def test_a_full_last_page_says_there_are_no_more(sandbox: Client) -> None:
    token = sandbox.sign_in("oluwaseun")["access_token"]
    page = videos(sandbox, token, {"max_count": 20}).json()["data"]
    assert (len(page["videos"]), page["has_more"]) == (20, False)


@pytest.mark.parametrize(
    "body",
    [
        {"max_count": 21},
        {"max_count": 0},
        {"max_count": "20"},
        {"cursor": None},
        {"cursor": -1},
        {"x": 1},
        [],
    ],
)
def test_an_invalid_body_is_refused(sandbox: Client, body: Any) -> None:
    token = sandbox.sign_in()["access_token"]
    assert code(videos(sandbox, token, body)) == (400, "invalid_params")
    assert code(videos(sandbox, token, {}, "title,nonsense")) == (400, "invalid_params")


def test_videos_require_their_scope(sandbox: Client) -> None:
    token = sandbox.sign_in(grant="user.info.basic")["access_token"]
    assert code(videos(sandbox, token, {})) == (401, "scope_not_authorized")
