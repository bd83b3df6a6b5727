"""The pretend TikTok's token endpoint is as strict as the contract says."""

import re
import secrets
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from tests.sandbox.client import FORM, Caller


def code_for(sandbox: Caller, person: str = "mara") -> tuple[str, str]:
    verifier = secrets.token_urlsafe(48)
    return sandbox.back(sandbox.question(verifier), login_as=person)["code"], verifier


def error(answer: requests.Response) -> str:
    """The error of a flat failure under HTTP 200, TikTok's favourite."""
    assert answer.status_code == 200
    told = answer.json()
    assert set(told) == {"error", "error_description", "log_id"}
    assert re.fullmatch(r"20\d{12}[0-9A-F]{18}", told["log_id"])
    return str(told["error"])


def test_an_exchange_answers_flat_and_whole(sandbox: Caller) -> None:
    told = sandbox.sign_in()
    assert told["access_token"].startswith("act.")
    assert told["refresh_token"].startswith("rft.")
    assert told["open_id"].startswith("-000")
    assert told["scope"] == "user.info.basic,video.list"
    assert (told["expires_in"], told["refresh_expires_in"]) == (7200, 15552000)
    assert told["token_type"] == "Bearer"
    assert len(told) == 7


def test_a_code_works_once(sandbox: Caller) -> None:
    code, verifier = code_for(sandbox)
    assert "error" not in sandbox.exchange(code, verifier).json()
    assert error(sandbox.exchange(code, verifier)) == "invalid_grant"


def test_a_code_is_too_old_after_its_life(sandbox: Caller) -> None:
    sandbox.control("lifetimes", code=0)
    assert error(sandbox.exchange(*code_for(sandbox))) == "invalid_grant"


def test_a_code_encoded_twice_is_unknown(sandbox: Caller) -> None:
    code, verifier = code_for(sandbox)
    doubled = code.replace("*", "%2A")
    assert error(sandbox.exchange(doubled, verifier)) == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "word"),
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
def test_a_wrong_exchange_gets_the_right_word(
    sandbox: Caller, changes: dict[str, str], word: str
) -> None:
    assert error(sandbox.exchange(*code_for(sandbox), **changes)) == word


def test_the_contracts_pkce_vector_passes(sandbox: Caller) -> None:
    challenge = "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"
    question = sandbox.question(code_challenge=challenge)
    code = sandbox.back(question, login_as="jo")["code"]
    told = sandbox.exchange(code, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").json()
    assert "access_token" in told


def test_refresh_tokens_rotate_and_a_spent_one_is_counted(sandbox: Caller) -> None:
    first = sandbox.sign_in()
    second = sandbox.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["open_id"] == first["open_id"]
    assert sandbox.look("counters")["spent_refresh_tokens_seen"] == 0
    assert error(sandbox.refresh(first["refresh_token"])) == "invalid_grant"
    assert sandbox.look("counters")["spent_refresh_tokens_seen"] == 1
    assert "error" not in sandbox.refresh(second["refresh_token"]).json()


def test_a_refresh_takes_exactly_four_parameters(sandbox: Caller) -> None:
    token = sandbox.sign_in()["refresh_token"]
    for extra in ("scope", "redirect_uri", "client_id", "x"):
        answer = sandbox.token("refresh_token", refresh_token=token, **{extra: "y"})
        assert error(answer) == "invalid_request"
    assert "error" not in sandbox.refresh(token).json()


def test_connecting_again_ends_the_refresh_token_before(sandbox: Caller) -> None:
    first, second = sandbox.sign_in(), sandbox.sign_in()
    assert first["open_id"] == second["open_id"]
    assert error(sandbox.refresh(first["refresh_token"])) == "invalid_grant"
    seen = sandbox.look("counters")
    assert seen["spent_refresh_tokens_seen"] == 0
    assert seen["dead_refresh_tokens_seen"]["superseded"] == 1


def test_an_expired_refresh_token_is_refused(sandbox: Caller) -> None:
    told = sandbox.sign_in("jo")
    sandbox.control("expire", person="jo", refresh=True)
    assert error(sandbox.refresh(told["refresh_token"])) == "invalid_grant"
    assert sandbox.look("counters")["dead_refresh_tokens_seen"]["expired"] == 1


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
def test_any_other_content_type_or_way_to_authenticate_is_refused(
    sandbox: Caller, headers: dict[str, str]
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


def test_json_is_refused_under_http_200(sandbox: Caller) -> None:
    answer = sandbox.http.post(f"{sandbox.url}/v2/oauth/token/", json={"grant_type": "x"})
    assert error(answer) == "invalid_request"


def test_secrets_in_the_url_and_doubled_parameters_are_refused(sandbox: Caller) -> None:
    form = {"client_key": sandbox.key, "client_secret": sandbox.secret}
    path = "/v2/oauth/token/?grant_type=client_credentials"
    assert error(sandbox.post(path, form)) == "invalid_request"
    twice = urlencode(form | {"grant_type": "client_credentials"}) + "&client_key=x"
    url = f"{sandbox.url}/v2/oauth/token/"
    assert error(sandbox.http.post(url, data=twice, headers=FORM)) == "invalid_request"


@pytest.mark.parametrize("path", ["/v2/oauth/token", "/v2/oauth/revoke", "/v2/elsewhere/"])
def test_a_path_without_its_slash_is_unsupported(sandbox: Caller, path: str) -> None:
    answer = sandbox.post(path, {})
    assert (answer.status_code, answer.text) == (404, "Unsupported path(Janus)")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_client_credentials_check_the_pair(sandbox: Caller) -> None:
    told = sandbox.token("client_credentials").json()
    assert told["access_token"].startswith("clt.")
    assert told["expires_in"] == 7200
    wrong = sandbox.token("client_credentials", client_secret="wrong")
    assert error(wrong) == "invalid_client"


def test_unknown_and_missing_grant_types(sandbox: Caller) -> None:
    assert error(sandbox.token("password")) == "unsupported_grant_type"
    assert error(sandbox.token("")) == "unsupported_grant_type"


def test_the_status_of_errors_can_be_chosen(sandbox: Caller) -> None:
    sandbox.control("settings", error_status=400)
    answer = sandbox.refresh("rft.unknown")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_revoke_ends_the_whole_connection(sandbox: Caller) -> None:
    told = sandbox.sign_in()
    answer = sandbox.revoke(told["access_token"])
    assert (answer.status_code, answer.text) == (200, "")
    assert error(sandbox.refresh(told["refresh_token"])) == "invalid_grant"
    assert sandbox.user(told["access_token"]).status_code == 401
    assert error(sandbox.revoke(told["access_token"])) == "access_token_invalid"
    grant: dict[str, Any] = sandbox.look("books")["grants"][told["open_id"]]
    assert grant["revoked"] is True
    assert grant["refresh_token_sha256"] is None


def test_an_expired_access_token_cannot_revoke(sandbox: Caller) -> None:
    told = sandbox.sign_in("jo")
    sandbox.control("expire", person="jo")
    assert error(sandbox.revoke(told["access_token"])) == "access_token_invalid"
    fresh = sandbox.refresh(told["refresh_token"]).json()
    assert sandbox.revoke(fresh["access_token"]).text == ""
