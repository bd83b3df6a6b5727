"""The token and revoke endpoints are as strict as TikTok's documentation says."""

import re
import secrets
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from tests.sandbox.client import FORM, Client


def code_for(sandbox: Client, person: str = "mara") -> tuple[str, str]:
    verifier = secrets.token_urlsafe(48)
    return sandbox.redirected(sandbox.request(verifier), login_as=person)["code"], verifier


def error(answer: requests.Response) -> str:
    """Return the code of a flat error under HTTP 200, TikTok's usual format."""
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"error", "error_description", "log_id"}
    assert re.fullmatch(r"20\d{12}[0-9A-F]{18}", body["log_id"])
    return str(body["error"])


def test_an_exchange_returns_a_complete_flat_response(sandbox: Client) -> None:
    tokens = sandbox.sign_in()
    assert tokens["access_token"].startswith("act.")
    assert tokens["refresh_token"].startswith("rft.")
    assert tokens["open_id"].startswith("-000")
    assert tokens["scope"] == "user.info.basic,video.list"
    assert (tokens["expires_in"], tokens["refresh_expires_in"]) == (7200, 15552000)
    assert tokens["token_type"] == "Bearer"
    assert len(tokens) == 7


def test_a_code_works_once(sandbox: Client) -> None:
    code, verifier = code_for(sandbox)
    assert "error" not in sandbox.exchange(code, verifier).json()
    assert error(sandbox.exchange(code, verifier)) == "invalid_grant"


def test_a_code_expires(sandbox: Client) -> None:
    sandbox.control("lifetimes", code=0)
    assert error(sandbox.exchange(*code_for(sandbox))) == "invalid_grant"


def test_a_code_that_was_encoded_twice_is_unknown(sandbox: Client) -> None:
    code, verifier = code_for(sandbox)
    doubled = code.replace("*", "%2A")
    assert error(sandbox.exchange(doubled, verifier)) == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"redirect_uri": "http://127.0.0.1:8000/other"}, "invalid_grant"),
        ({"redirect_uri": ""}, "invalid_request"),
        ({"code_verifier": "w" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_key": "wrong"}, "invalid_client"),
        ({"client_key": ""}, "invalid_request"),
        ({"client_id": "anything"}, "invalid_request"),
        ({"scope": "user.info.basic"}, "invalid_request"),
    ],
)
def test_an_invalid_exchange_gets_the_right_error(
    sandbox: Client, changes: dict[str, str], expected: str
) -> None:
    assert error(sandbox.exchange(*code_for(sandbox), **changes)) == expected


def test_a_known_pair_of_challenge_and_verifier_works(sandbox: Client) -> None:
    challenge = "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"
    request = sandbox.request(code_challenge=challenge)
    code = sandbox.redirected(request, login_as="jo")["code"]
    tokens = sandbox.exchange(code, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").json()
    assert "access_token" in tokens


def test_refresh_tokens_rotate_and_a_spent_one_is_counted(sandbox: Client) -> None:
    first = sandbox.sign_in()
    second = sandbox.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["open_id"] == first["open_id"]
    assert sandbox.read("counters")["spent_refresh_tokens_seen"] == 0
    assert error(sandbox.refresh(first["refresh_token"])) == "invalid_grant"
    assert sandbox.read("counters")["spent_refresh_tokens_seen"] == 1
    assert "error" not in sandbox.refresh(second["refresh_token"]).json()


def test_a_refresh_takes_exactly_four_parameters(sandbox: Client) -> None:
    token = sandbox.sign_in()["refresh_token"]
    for extra in ("scope", "redirect_uri", "client_id", "x"):
        answer = sandbox.token("refresh_token", refresh_token=token, **{extra: "y"})
        assert error(answer) == "invalid_request"
    assert "error" not in sandbox.refresh(token).json()


def test_connecting_again_ends_the_earlier_refresh_token(sandbox: Client) -> None:
    first, second = sandbox.sign_in(), sandbox.sign_in()
    assert first["open_id"] == second["open_id"]
    assert error(sandbox.refresh(first["refresh_token"])) == "invalid_grant"
    seen = sandbox.read("counters")
    assert seen["spent_refresh_tokens_seen"] == 0
    assert seen["dead_refresh_tokens_seen"]["superseded"] == 1


def test_an_expired_refresh_token_is_refused(sandbox: Client) -> None:
    tokens = sandbox.sign_in("jo")
    sandbox.control("expire", person="jo", refresh=True)
    assert error(sandbox.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert sandbox.read("counters")["dead_refresh_tokens_seen"]["expired"] == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {},
        FORM | {"Authorization": "Basic eDp5"},
    ],
)
def test_other_content_types_and_http_basic_are_refused(
    sandbox: Client, headers: dict[str, str]
) -> None:
    form = urlencode(
        {
            "client_key": sandbox.key,
            "client_secret": sandbox.secret,
            "grant_type": "client_credentials",
        }
    ).encode()
    url = f"{sandbox.url}/v2/oauth/token/"
    assert error(sandbox.http.post(url, data=form, headers=headers)) == "invalid_request"
    assert "error" not in sandbox.http.post(url, data=form, headers=FORM).json()


def test_json_is_refused_under_http_200(sandbox: Client) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/v2/oauth/token/", json={"grant_type": "x"})
    assert error(answer) == "invalid_request"


def test_a_query_string_and_repeated_parameters_are_refused(sandbox: Client) -> None:
    form = {"client_key": sandbox.key, "client_secret": sandbox.secret}
    path = "/v2/oauth/token/?grant_type=client_credentials"
    assert error(sandbox.post(path, form)) == "invalid_request"
    twice = urlencode(form | {"grant_type": "client_credentials"}) + "&client_key=x"
    url = f"{sandbox.url}/v2/oauth/token/"
    assert error(sandbox.http.post(url, data=twice, headers=FORM)) == "invalid_request"


@pytest.mark.parametrize("path", ["/v2/oauth/token", "/v2/oauth/revoke", "/v2/elsewhere/"])
def test_a_path_without_its_slash_is_unsupported(sandbox: Client, path: str) -> None:
    answer = sandbox.post(path, {})
    assert (answer.status_code, answer.text) == (404, "Unsupported path(Janus)")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_client_credentials_check_key_and_secret(sandbox: Client) -> None:
    tokens = sandbox.token("client_credentials").json()
    assert tokens["access_token"].startswith("clt.")
    assert tokens["expires_in"] == 7200
    wrong = sandbox.token("client_credentials", client_secret="wrong")
    assert error(wrong) == "invalid_client"


def test_unknown_and_missing_grant_types(sandbox: Client) -> None:
    assert error(sandbox.token("password")) == "unsupported_grant_type"
    assert error(sandbox.token("")) == "unsupported_grant_type"


def test_the_http_status_of_errors_can_be_set(sandbox: Client) -> None:
    sandbox.control("settings", error_status=400)
    answer = sandbox.refresh("rft.unknown")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_revoke_ends_the_consent_and_its_tokens(sandbox: Client) -> None:
    tokens = sandbox.sign_in()
    answer = sandbox.revoke(tokens["access_token"])
    assert (answer.status_code, answer.text) == (200, "")
    assert error(sandbox.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert sandbox.user(tokens["access_token"]).status_code == 401
    assert error(sandbox.revoke(tokens["access_token"])) == "access_token_invalid"
    grant: dict[str, Any] = sandbox.read("books")["grants"][tokens["open_id"]]
    assert grant["revoked"] is True
    assert grant["refresh_token_sha256"] is None


def test_an_expired_access_token_cannot_revoke(sandbox: Client) -> None:
    tokens = sandbox.sign_in("jo")
    sandbox.control("expire", person="jo")
    assert error(sandbox.revoke(tokens["access_token"])) == "access_token_invalid"
    fresh = sandbox.refresh(tokens["refresh_token"]).json()
    assert sandbox.revoke(fresh["access_token"]).text == ""
