"""Asking who someone is: no field too many, no answer about someone else."""

import pytest

from webapp.tiktok.errors import (
    AccessRefused,
    OurConfiguration,
    ScopeMissing,
    TikTokError,
    TryLater,
    WrongAccount,
)
from webapp.tiktok.profile import Profile
from webapp.tiktok.provider import Provider

from .conftest import OPEN_ID
from .peer import Peer

OK = {"code": "ok", "message": "", "log_id": "1"}


def answer(**user: object) -> dict[str, object]:
    return {"data": {"user": {"open_id": OPEN_ID, **user}}, "error": OK}


def ask(provider: Provider, *scopes: str) -> Profile:
    return provider.user_info("act.made-up", open_id=OPEN_ID, scopes=scopes)


@pytest.mark.rule(43)
@pytest.mark.parametrize(
    ("scopes", "fields"),
    [
        ((), "open_id"),
        (("user.info.basic", "video.list"), "open_id,union_id,display_name"),
        (("user.info.profile",), "open_id,username"),
        (("user.info.stats",), "open_id"),
        (
            ("user.info.stats", "user.info.profile", "user.info.basic"),
            "open_id,union_id,display_name,username",
        ),
    ],
)
def test_only_fields_of_granted_scopes_are_asked_for(
    provider: Provider, peer: Peer, scopes: tuple[str, ...], fields: str
) -> None:
    peer.will_answer(answer())
    ask(provider, *scopes)
    (request,) = peer.requests
    assert (request.method, request.path) == ("GET", "/v2/user/info/")
    assert request.query == {"fields": fields}
    assert request.header("authorization") == ["Bearer act.made-up"]
    assert "act." not in request.target


@pytest.mark.rule(44)
def test_the_profile_holds_what_was_granted(provider: Provider, peer: Peer) -> None:
    peer.will_answer(answer(union_id="u", display_name=" Zoë\0 ", username="zoe"))
    profile = ask(provider, "user.info.basic")
    assert (profile.open_id, profile.union_id) == (OPEN_ID, "u")
    assert (profile.display_name, profile.username) == ("Zoë", "zoe")


def test_names_are_capped_and_nonsense_is_left_out(provider: Provider, peer: Peer) -> None:
    peer.will_answer(answer(display_name="n" * 5000, username=["a"], union_id=7))
    profile = ask(provider)
    assert profile.display_name == "n" * 255
    assert profile == Profile(open_id=OPEN_ID, display_name="n" * 255)


def test_half_a_character_in_a_name_does_no_harm(provider: Provider, peer: Peer) -> None:
    peer.will_answer(answer(display_name="Zo\ud83d"))
    assert ask(provider).display_name == "Zo?"


@pytest.mark.rule(45)
@pytest.mark.parametrize("other", ["somebody-else", "", None, 7])
def test_somebody_elses_profile_is_refused(provider: Provider, peer: Peer, other: object) -> None:
    peer.will_answer(answer(open_id=other))
    with pytest.raises(WrongAccount):
        ask(provider)


@pytest.mark.rule(44)
@pytest.mark.parametrize(
    "body",
    [
        {"data": {"user": {"open_id": OPEN_ID}}},
        {"data": {"user": {"open_id": OPEN_ID}}, "error": {}},
        {"data": {"user": {"open_id": OPEN_ID}}, "error": None},
        {"data": {"user": {"open_id": OPEN_ID}}, "error": "ok"},
        {"data": {"user": [OPEN_ID]}, "error": OK},
        {"data": None, "error": OK},
        {"error": OK},
        "<html></html>",
    ],
)
def test_an_answer_that_does_not_say_ok_is_none(
    provider: Provider, peer: Peer, body: object
) -> None:
    peer.will_answer(body)
    with pytest.raises(TryLater):
        ask(provider)


@pytest.mark.rule(46)
@pytest.mark.rule(47)
@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        ("access_token_invalid", 401, AccessRefused),
        ("scope_not_authorized", 401, ScopeMissing),
        ("scope_permission_missed", 400, OurConfiguration),
        ("invalid_params", 400, OurConfiguration),
        ("rate_limit_exceeded", 429, TryLater),
        ("internal_error", 500, TryLater),
    ],
)
def test_each_code_means_what_the_caller_can_do(
    provider: Provider, peer: Peer, code: str, status: int, meaning: type[TikTokError]
) -> None:
    error = {"code": code, "message": "do not repeat", "log_id": "2026"}
    peer.will_answer({"data": {}, "error": error}, status, {"Retry-After": "9"})
    with pytest.raises(meaning) as caught:
        ask(provider)
    assert type(caught.value) is meaning
    assert str(caught.value) == f"{code} (log 2026)"
    if isinstance(caught.value, TryLater):
        assert caught.value.retry_after == 9


@pytest.mark.parametrize("token", ["act.\r\nX-Injected: 1", "act.é", "act.\x7f"])
def test_a_token_that_fits_no_header_is_never_sent(
    provider: Provider, peer: Peer, token: str
) -> None:
    with pytest.raises(AccessRefused) as caught:
        provider.user_info(token, open_id=OPEN_ID, scopes=())
    assert "act" not in str(caught.value).replace("access_token_invalid", "")
    assert not peer.requests
