"""The provider of the benchmarks checks requests, so no app is fast by leaving something out."""

import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from benchmarks.provider.grants import (
    CLIENT_KEY,
    CLIENT_SECRET,
    Answer,
    Grants,
    open_id,
    refresh_token,
)

VERIFIER = "v" * 43
CALLBACK = "http://127.0.0.1:8000/callback"


def code(grants: Grants, **changes: str) -> str:
    """Sign person 7 in and return the code, or "" if the provider refuses."""
    asked = {
        "client_key": CLIENT_KEY,
        "response_type": "code",
        "scope": "user.info.basic",
        "redirect_uri": CALLBACK,
        "state": "some-state",
        "code_challenge": hashlib.sha256(VERIFIER.encode()).hexdigest(),
        "code_challenge_method": "S256",
        "login_as": "7",
    }
    target = grants.authorize(urlencode(asked | changes))
    if target is None:
        return ""
    assert target.startswith(f"{CALLBACK}?")
    answer = parse_qs(urlsplit(target).query)
    assert answer["state"] == ["some-state"]
    return answer["code"][0]


def exchange(grants: Grants, of: str, **changes: str) -> Answer:
    """Exchange a code."""
    form = {
        "client_key": CLIENT_KEY,
        "client_secret": CLIENT_SECRET,
        "grant_type": "authorization_code",
        "code": of,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return grants.token(urlencode(form | changes))


def test_a_code_is_exchanged_once() -> None:
    grants = Grants()
    one = code(grants)
    assert exchange(grants, one)["open_id"] == open_id(7)
    assert exchange(grants, one)["error"] == "invalid_grant"
    assert (grants.exchanged, grants.refused) == (1, 1)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [
        ("client_key", "another", "invalid_client"),
        ("client_secret", "another", "invalid_client"),
        ("redirect_uri", "http://127.0.0.1:8000/elsewhere", "invalid_grant"),
        ("code_verifier", "w" * 43, "invalid_grant"),
        ("code", "code.7.0.0", "invalid_grant"),
    ],
)
def test_an_exchange_with_anything_wrong_is_refused(name: str, value: str, error: str) -> None:
    grants = Grants()
    assert exchange(grants, code(grants), **{name: value})["error"] == error


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("client_key", "another"),
        ("response_type", "token"),
        ("code_challenge", "aGVsbG8"),
        ("code_challenge_method", "plain"),
        ("state", ""),
        ("redirect_uri", ""),
    ],
)
def test_a_sign_in_with_anything_wrong_is_refused(name: str, value: str) -> None:
    assert code(Grants(), **{name: value}) == ""


def test_a_profile_is_shown_for_the_newest_access_token_only() -> None:
    grants = Grants()
    old = str(exchange(grants, code(grants))["access_token"])
    new = str(exchange(grants, code(grants))["access_token"])
    assert grants.user_info(old)["error"] == "access_token_invalid"
    profile = grants.user_info(new)["data"]
    assert isinstance(profile, dict)
    assert profile["user"]["open_id"] == open_id(7)


def test_a_refresh_token_works_once() -> None:
    grants = Grants()
    form = {"client_key": CLIENT_KEY, "client_secret": CLIENT_SECRET}
    form |= {"grant_type": "refresh_token", "refresh_token": refresh_token(7, 0)}
    assert grants.token(urlencode(form))["refresh_token"] == refresh_token(7, 1)
    assert grants.token(urlencode(form))["error"] == "invalid_grant"
    assert (grants.refreshed, grants.spent) == (1, 1)
