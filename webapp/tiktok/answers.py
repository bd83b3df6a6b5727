"""Judging the answers of the token and revoke endpoints; never calls TikTok, stores nothing."""

import math
import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from webapp.tiktok.answers import Answer
from webapp.tiktok.errors import TryLater
from webapp.tokens import TokenSet

#: How long an access token is taken to live when a refresh answer does not say (rule 26).
UNKNOWN_LIFE = timedelta(minutes=5)
#: Beyond ten years a life is absurd. No real lifetime stands here: those come in the answers.
_LONGEST_LIFE = 10 * 366 * 24 * 60 * 60
_LONGEST_OPEN_ID = 255
_NUMERIC = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_SCOPE = re.compile(r"[a-z0-9_.]{1,64}")


def exchanged(answer: Answer, received: datetime) -> TokenSet:
    """Return the tokens of an exchange, judged strictly: nothing depends on them yet (rule 26).

    Raises what the body's error means (rule 25), TryLater for anything less than a whole answer.
    """
    if fault := answer.fault():
        raise fault
    document = answer.document or {}
    access_token = _printable(document, "access_token")
    refresh_token = _printable(document, "refresh_token")
    open_id = _printable(document, "open_id")
    life = seconds(document.get("expires_in"))
    if (
        not answer.ok
        or answer.doubled
        or not (access_token and refresh_token and open_id and life)
        or len(open_id) > _LONGEST_OPEN_ID
    ):
        raise answer.try_later("answer_unusable")
    return TokenSet(
        access_token=access_token,
        refresh_token=refresh_token,
        open_id=open_id,
        scopes=_scopes(document),
        access_expires_at=received + timedelta(seconds=life),
        refresh_expires_at=_end(document, received),
    )


def refreshed(answer: Answer, received: datetime) -> TokenSet:
    """Return the tokens of a refresh, judged leniently: the old refresh token is dead by now.

    Whatever else is missing or absurd, an access token without an error is kept, with the
    refresh token it came with (rules 26, 38). Raises what the body's error means, or TryLater.
    """
    if fault := answer.fault():
        raise fault
    document = answer.document or {}
    access_token = _text(document, "access_token")
    if access_token is None:
        raise answer.try_later("answer_unusable")
    life = seconds(document.get("expires_in"))
    return TokenSet(
        access_token=access_token,
        refresh_token=_text(document, "refresh_token"),
        open_id=_text(document, "open_id"),
        scopes=_scopes(document),
        access_expires_at=received + (timedelta(seconds=life) if life else UNKNOWN_LIFE),
        refresh_expires_at=_end(document, received),
        life_known=life is not None,
    )


def revoked(answer: Answer) -> None:
    """Return if TikTok ended the grant: an empty body, white space, `{}` or an `ok` (rule 41).

    Raises what the body's error means (rule 42), TryLater for anything else.
    """
    if fault := answer.fault():
        raise fault
    said_ok = answer.document is not None and (
        not answer.document or isinstance(answer.document.get("error"), dict)
    )
    if not answer.ok or not (said_ok or not answer.body.strip()):
        raise answer.try_later("answer_unusable")


def credentials(answer: Answer) -> bool:
    """Return whether TikTok said yes to the client credentials; False: it cannot be told.

    Raises OurConfiguration on `invalid_client`, the only answer that proves a wrong pair, and
    TryLater when TikTok is not itself.
    """
    fault = answer.fault()
    if isinstance(fault, TryLater) or (fault and fault.code == "invalid_client"):
        raise fault
    if fault:
        return False
    if not answer.ok or answer.document is None:
        raise answer.try_later("answer_unusable")
    return _printable(answer.document, "access_token") is not None


def seconds(value: object) -> int | None:
    """Return a lifetime in whole seconds, or None if it is missing or absurd (rule 30).

    TikTok has sent numbers and numeric strings, such as "7200" and "86400.0".
    """
    if isinstance(value, str):
        value = float(value) if _NUMERIC.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if 1 <= value <= _LONGEST_LIFE else None


def _text(document: Mapping[str, object], name: str) -> str | None:
    """Return a non-empty string that can be stored, or None (`null`, numbers, blanks…)."""
    value = document.get(name)
    if not isinstance(value, str) or not value.strip():
        return None
    # A lone half of a surrogate pair can be written in JSON and nowhere else.
    return None if _HALF_PAIR.search(value) else value


def _printable(document: Mapping[str, object], name: str) -> str | None:
    """Return a string of the characters that tokens have (RFC 6749 appendix A), or None."""
    value = _text(document, name)
    return value if value and value.isascii() and value.isprintable() and " " not in value else None


def _scopes(document: Mapping[str, object]) -> frozenset[str] | None:
    """Return the granted scopes, None if the answer does not say. Commas, or RFC 6749's spaces.

    What cannot be a scope's name is left out, so that a refresh never fails at the database.
    """
    value = document.get("scope")
    if not isinstance(value, str):
        return None
    return frozenset(filter(_SCOPE.fullmatch, value.replace(",", " ").split()))


def _end(document: Mapping[str, object], received: datetime) -> datetime | None:
    life = seconds(document.get("refresh_expires_in"))
    return received + timedelta(seconds=life) if life else None
