"""An authorization code becomes tokens, or nothing: the exchange is judged strictly."""

from datetime import timedelta

import pytest

from webapp.settings import Settings
from webapp.tiktok.errors import (
    ConnectAgain,
    Declined,
    OurConfiguration,
    TikTokError,
    TryLater,
)
from webapp.tiktok.pkce import code_verifier
from webapp.tiktok.provider import Provider

from .conftest import NOW, OPEN_ID
from .peer import Peer

CODE = "made*up*1!4735.va"
FORM = ["application/x-www-form-urlencoded"]


@pytest.mark.rule(7)
@pytest.mark.rule(18)
@pytest.mark.rule(21)
@pytest.mark.rule(22)
@pytest.mark.rule(23)
def test_the_form_is_tiktoks_and_nothing_else(
    provider: Provider, peer: Peer, settings: Settings, success: dict[str, object]
) -> None:
    peer.will_answer(success)
    provider.exchange(code=CODE, state="state")
    (request,) = peer.requests
    assert (request.method, request.target) == ("POST", "/v2/oauth/token/")
    assert request.header("content-type") == FORM
    assert request.header("authorization") == []
    assert request.header("accept-encoding") == ["identity"]
    assert b"code=made%2Aup%2A1%214735.va" in request.body
    assert sorted(request.form) == sorted(
        {
            "client_key": settings.tiktok_client_key,
            "client_secret": settings.tiktok_client_secret.get_secret_value(),
            "grant_type": "authorization_code",
            "code": CODE,
            "redirect_uri": settings.tiktok_redirect_uri,
            "code_verifier": code_verifier(settings.secret_key, "state"),
        }.items()
    )


@pytest.mark.rule(26)
@pytest.mark.rule(29)
def test_a_whole_answer_becomes_a_token_set(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    peer.will_answer(success)
    tokens = provider.exchange(code=CODE, state="s")
    assert tokens.access_token == success["access_token"]
    assert tokens.refresh_token == success["refresh_token"]
    assert tokens.open_id == OPEN_ID
    assert tokens.scopes == frozenset({"user.info.basic", "video.list"})
    assert tokens.access_expires_at == NOW + timedelta(days=1)
    assert tokens.refresh_expires_at == NOW + timedelta(days=365)
    assert tokens.life_known


@pytest.mark.rule(30)
@pytest.mark.parametrize(
    ("value", "seconds"), [("7200", 7200), ("86400.0", 86400), (7200.9, 7200), (1, 1)]
)
def test_lifetimes_may_be_numeric_strings(
    provider: Provider, peer: Peer, success: dict[str, object], value: object, seconds: int
) -> None:
    peer.will_answer({**success, "expires_in": value})
    tokens = provider.exchange(code=CODE, state="s")
    assert tokens.access_expires_at == NOW + timedelta(seconds=seconds)


ABSURD: list[object] = [
    0,
    -1,
    True,
    None,
    "soon",
    "",
    "7_200",
    " 7200",
    "-5",
    "NaN",
    1e12,
    "1e3",
    [],
    {},
    10**30,
]


@pytest.mark.rule(26)
@pytest.mark.parametrize("value", ABSURD)
def test_an_absurd_lifetime_fails_the_exchange(
    provider: Provider, peer: Peer, success: dict[str, object], value: object
) -> None:
    peer.will_answer({**success, "expires_in": value})
    with pytest.raises(TryLater, match="answer_unusable"):
        provider.exchange(code=CODE, state="s")


@pytest.mark.rule(26)
@pytest.mark.parametrize("name", ["access_token", "refresh_token", "open_id", "expires_in"])
@pytest.mark.parametrize("value", [None, "", " ", 7, ["a"], "with space", "ctrl\n", "\ud800"])
def test_a_missing_or_unfit_part_fails_the_exchange(
    provider: Provider, peer: Peer, success: dict[str, object], name: str, value: object
) -> None:
    if name == "expires_in" and value == 7:
        value = None
    peer.will_answer({**success, name: value})
    with pytest.raises(TryLater, match="answer_unusable"):
        provider.exchange(code=CODE, state="s")
    peer.will_answer({key: kept for key, kept in success.items() if key != name})
    with pytest.raises(TryLater, match="answer_unusable"):
        provider.exchange(code=CODE, state="s")


def test_an_answer_that_does_not_say_the_rest_still_connects(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    needed = ("access_token", "refresh_token", "open_id", "expires_in")
    peer.will_answer({name: success[name] for name in needed})
    tokens = provider.exchange(code=CODE, state="s")
    assert tokens.scopes is None
    assert tokens.refresh_expires_at is None


@pytest.mark.rule(25)
@pytest.mark.parametrize("status", [200, 400, 500])
@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        ("invalid_grant", ConnectAgain),
        ("access_denied", Declined),
        ("invalid_client", OurConfiguration),
        ("unauthorized_client", OurConfiguration),
        ("invalid_request", OurConfiguration),
        ("invalid_scope", OurConfiguration),
        ("unsupported_grant_type", OurConfiguration),
        ("server_error", TryLater),
        ("temporarily_unavailable", TryLater),
        ("never_heard_of", TryLater),
    ],
)
def test_the_body_is_judged_before_the_status(
    provider: Provider,
    peer: Peer,
    success: dict[str, object],
    status: int,
    error: str,
    meaning: type[TikTokError],
) -> None:
    words = {"error": error, "error_description": "do not repeat", "log_id": "2026ABC"}
    peer.will_answer({**success, **words}, status)
    with pytest.raises(meaning) as caught:
        provider.exchange(code=CODE, state="s")
    assert type(caught.value) is meaning
    assert (caught.value.code, caught.value.log_id) == (error, "2026ABC")
    assert str(caught.value) == f"{error} (log 2026ABC)"


@pytest.mark.parametrize("error", [{"code": "ok"}, {"code": ""}, "", None])
def test_an_error_key_that_says_ok_is_no_error(
    provider: Provider, peer: Peer, success: dict[str, object], error: object
) -> None:
    peer.will_answer({**success, "error": error})
    assert provider.exchange(code=CODE, state="s").open_id == OPEN_ID


@pytest.mark.rule(27)
@pytest.mark.parametrize("status", [200, 404, 500, 502])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"{}",
        b"[]",
        b"null",
        b'"act.text"',
        b"<html>Bad gateway</html>",
        b"Unsupported path(Janus)",
        b'{"access_token":"a',
        b"[" * 5000,
        b"\xff\xfe\x00",
        b'{"expires_in": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_no_answer_is_temporary(
    provider: Provider, peer: Peer, status: int, body: bytes
) -> None:
    peer.will_answer(body, status)
    with pytest.raises(TryLater) as caught:
        provider.exchange(code=CODE, state="s")
    assert caught.value.reached
    assert caught.value.status == status


def test_a_good_body_under_an_error_status_is_not_believed(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    peer.will_answer(success, 500)
    with pytest.raises(TryLater):
        provider.exchange(code=CODE, state="s")


def test_a_name_that_stands_twice_fails_the_exchange(
    provider: Provider, peer: Peer, success: dict[str, object]
) -> None:
    tokens = ",".join(f'"{name}":"{success[name]}"' for name in ("access_token", "refresh_token"))
    peer.will_answer(f'{{{tokens},"open_id":"one","open_id":"two","expires_in":7200}}')
    with pytest.raises(TryLater):
        provider.exchange(code=CODE, state="s")


@pytest.mark.rule(47)
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("999999999999", 3600),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30),
        ("Sun, 22 Nov 2020 12:00:30 GMT", 0),
        ("Sun, 22 Nov 99999999999999999999 12:00:30 GMT", None),
        ("Sun, 22 Nov 0001 00:00:30 +2359", 0),
        ("-3", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_throttled_call_says_when_to_come_back(
    provider: Provider, peer: Peer, header: str, seconds: int | None
) -> None:
    peer.will_answer("<html>slow down</html>", 429, {"Retry-After": header})
    with pytest.raises(TryLater, match="rate_limit_exceeded") as caught:
        provider.exchange(code=CODE, state="s")
    assert caught.value.retry_after == seconds
    assert not caught.value.outcome_unknown
