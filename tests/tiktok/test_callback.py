"""What TikTok sends back with the browser is read strictly, before anybody is called."""

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from webapp.tiktok import callback
from webapp.tiktok.callback import BadCallback
from webapp.tiktok.errors import (
    Declined,
    NotATargetUser,
    OurConfiguration,
    TikTokError,
    TryLater,
)

ISSUER = "https://www.tiktok.com"


def args(query: str) -> MultiDict[str, str]:
    """Return the parameters as the framework decodes them, once."""
    return Request(EnvironBuilder(query_string=query).get_environ()).args


@pytest.mark.rule(18)
def test_a_code_is_decoded_once_and_kept_as_it_is() -> None:
    read = callback.read(args("code=ab%2Acd%2A1%214735.va&state=s&scopes=user.info.basic"), ISSUER)
    assert read.code == "ab*cd*1!4735.va"
    assert read.refusal is None
    assert "4735" not in repr(read)


@pytest.mark.rule(15)
@pytest.mark.parametrize("query", ["", "state=s", "code=&state=s", "code=&error="])
def test_neither_code_nor_error_is_a_bad_callback(query: str) -> None:
    with pytest.raises(BadCallback, match="incomplete"):
        callback.read(args(query), ISSUER)


@pytest.mark.rule(16)
def test_code_and_error_together_are_a_bad_callback() -> None:
    with pytest.raises(BadCallback, match="both"):
        callback.read(args("code=a&error=access_denied&state=s"), ISSUER)


@pytest.mark.parametrize(
    "query",
    ["code=a&code=a", "code=a&state=s&state=s", "error=a&error=b", "code=a&scopes=b&scopes=b"],
)
def test_repeated_parameters_are_refused(query: str) -> None:
    with pytest.raises(BadCallback, match="repeated"):
        callback.read(args(query), ISSUER)


@pytest.mark.rule(12)
def test_the_state_is_read_by_itself_and_before_anything_else() -> None:
    assert callback.state(args("code=a&error=b&state=s")) == "s"
    assert callback.state(args("code=a")) is None
    assert callback.state(args("code=a&state=")) is None
    with pytest.raises(BadCallback, match="repeated"):
        callback.state(args("state=s&state=s"))
    with pytest.raises(BadCallback, match="too_long"):
        callback.state(args("state=" + "s" * 513))


@pytest.mark.parametrize("code", ["a%FFb", "a%00b", "a%0Ab", "a+b", "%E2%82%AC", "a%1Bb", "%C3"])
def test_bytes_that_no_code_has_are_refused(code: str) -> None:
    with pytest.raises(BadCallback, match="unreadable"):
        callback.read(args(f"code={code}&state=s"), ISSUER)


def test_a_code_of_9_kb_is_refused() -> None:
    with pytest.raises(BadCallback, match="too_long"):
        callback.read(args("code=" + "c" * 9216), ISSUER)
    assert callback.read(args("code=" + "c" * 2048), ISSUER).code


def test_another_issuer_is_refused_and_the_right_one_is_not() -> None:
    with pytest.raises(BadCallback, match="other_issuer"):
        callback.read(args("code=a&iss=https%3A%2F%2Fevil.example"), ISSUER)
    assert callback.read(args("code=a&iss=https%3A%2F%2Fwww.tiktok.com"), ISSUER).code == "a"
    assert callback.read(args("code=a&iss=https%3A%2F%2Fwww.tiktok.com%2F"), ISSUER).code == "a"


def refusal(query: str) -> TikTokError:
    read = callback.read(args(query), ISSUER)
    assert read.code is None
    assert read.refusal is not None
    return read.refusal


@pytest.mark.rule(13)
def test_cancel_is_declined_and_tiktoks_words_are_dropped() -> None:
    refused = refusal("error=access_denied&error_description=%3Cscript%3E&state=s")
    assert type(refused) is Declined
    assert str(refused) == "access_denied"


@pytest.mark.rule(14)
@pytest.mark.parametrize(
    "error_type", ["client_key", "redirect_uri", "code_challenge", "scope_not_authorized"]
)
def test_a_set_up_fault_is_not_taken_for_a_no(error_type: str) -> None:
    refused = refusal(f"error=access_denied&error_type={error_type}")
    assert type(refused) is OurConfiguration
    assert refused.code == error_type


@pytest.mark.rule(14)
def test_somebody_who_is_no_target_user_is_told_so() -> None:
    refused = refusal("error=access_denied&error_type=non_sandbox_target")
    assert type(refused) is NotATargetUser


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        ("server_error", TryLater),
        ("temporarily_unavailable", TryLater),
        ("invalid_scope", OurConfiguration),
        ("unauthorized_client", OurConfiguration),
        ("never_heard_of", OurConfiguration),
    ],
)
def test_other_errors_are_sorted_by_who_can_mend_them(
    error: str, meaning: type[TikTokError]
) -> None:
    assert type(refusal(f"error={error}")) is meaning


def test_an_error_that_is_no_code_is_not_repeated() -> None:
    refused = refusal("error=%3Cscript%3Ealert(1)%0Aact.SECRET&state=s")
    assert refused.code == "unreadable_code"
