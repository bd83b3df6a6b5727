"""A notice is TikTok's if its raw bytes are signed, and of now if its time is near ours."""

import hmac
from datetime import UTC, datetime, timedelta

import pytest

from tests.webhooks.notices import BODY, SEAL, SECRET, STAMP, seal
from webapp.tiktok import webhook
from webapp.tiktok.webhook import NotSigned

SIGNED_AT = datetime.fromtimestamp(int(STAMP), UTC)
GOOD = f"t={STAMP},s={SEAL}"


def refusal(header: str | None, body: bytes = BODY, now: datetime = SIGNED_AT) -> str:
    """Return why this is not taken. Fails if it is."""
    with pytest.raises(NotSigned) as refused:
        webhook.check(header, body, SECRET, now)
    return str(refused.value)


@pytest.mark.rule(57)
def test_the_vector_of_the_contract_is_taken() -> None:
    webhook.check(GOOD, BODY, SECRET, SIGNED_AT)
    assert seal(SECRET, STAMP, BODY) == SEAL


@pytest.mark.rule(57)
@pytest.mark.parametrize(
    "header",
    [
        f" t = {STAMP} , s = {SEAL} ",
        f"s={SEAL},t={STAMP}",
        f"t={STAMP},v=2,s={SEAL},,nonsense,=,x=s={SEAL}",
        f"t={STAMP},s={'0' * 64},s={SEAL}",
        f"t={STAMP},s={SEAL},s=\xe9",
        f"\tt={STAMP},\ts={SEAL}",
    ],
)
def test_parts_may_be_padded_turned_around_unknown_and_several(header: str) -> None:
    webhook.check(header, BODY, SECRET, SIGNED_AT)


@pytest.mark.rule(58)
@pytest.mark.parametrize(
    ("header", "why"),
    [
        (None, "missing"),
        ("", "missing"),
        (f"t={STAMP}", "unreadable"),
        (f"s={SEAL}", "unreadable"),
        (f"t={STAMP},t={STAMP},s={SEAL}", "unreadable"),
        (f"t={STAMP}.0,s={SEAL}", "unreadable"),
        (f"t=-{STAMP},s={SEAL}", "unreadable"),
        (f"t={'1' * 5000},s={SEAL}", "unreadable"),
        (f"t=١٦٣٣١٧٤٥٨٧,s={SEAL}", "unreadable"),
        (f"t={STAMP},s={SEAL}" + ",x" * 600, "unreadable"),
        (f"T={STAMP},S={SEAL}", "unreadable"),
        (f"t={STAMP},s=", "wrong"),
        (f"t={STAMP},s={SEAL[:-1]}", "wrong"),
        (f"t={STAMP},s={SEAL[::-1]}", "wrong"),
        (f"t={STAMP},s=é", "wrong"),
        (f"t=0{STAMP},s={SEAL}", "wrong"),
        (f"t={int(STAMP) + 1},s={SEAL}", "wrong"),
    ],
)
def test_what_is_not_whole_or_does_not_fit_is_refused(header: str | None, why: str) -> None:
    assert refusal(header) == why


@pytest.mark.rule(57)
@pytest.mark.parametrize(
    "body",
    [
        BODY + b"\n",
        b" " + BODY,
        BODY.replace(b": 1 ", b":1"),
        b"",
        BODY.replace(b"a6k85", b"A6k85"),
    ],
)
def test_every_byte_of_the_body_counts(body: bytes) -> None:
    assert refusal(GOOD, body) == "wrong"


@pytest.mark.rule(58)
@pytest.mark.parametrize("away", [-300, 0, 300])
def test_up_to_300_seconds_either_way_it_is_of_now(away: int) -> None:
    webhook.check(GOOD, BODY, SECRET, SIGNED_AT + timedelta(seconds=away))


@pytest.mark.rule(58)
@pytest.mark.parametrize("away", [-301, 301, 86400, -86400])
def test_beyond_that_it_is_stale(away: int) -> None:
    assert refusal(GOOD, now=SIGNED_AT + timedelta(seconds=away)) == "stale"


@pytest.mark.rule(57)
def test_the_signature_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[bytes, bytes]] = []
    true = hmac.compare_digest

    def watched(ours: bytes, theirs: bytes) -> bool:
        seen.append((ours, theirs))
        return true(ours, theirs)

    monkeypatch.setattr(webhook.hmac, "compare_digest", watched)
    webhook.check(f"t={STAMP},s={SEAL},s={'0' * 64}", BODY, SECRET, SIGNED_AT)
    assert seen == [(SEAL.encode(), SEAL.encode()), (SEAL.encode(), b"0" * 64)]
