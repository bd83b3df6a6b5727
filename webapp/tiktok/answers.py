"""Reads TikTok's answers: JSON, errors, and the tokens of the token and revoke endpoints.

The body decides, the HTTP status comes second: TikTok sends errors under 200, in one of two shapes,
`{"error": "…", "log_id": "…"}` or `{"error": {"code": "…", "log_id": "…"}}` (rule 25).
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from webapp.http_client.retry_after import ahead, retry_after
from webapp.tiktok.errors import (
    AccessRefused,
    ConnectAgain,
    Declined,
    OurConfiguration,
    ScopeMissing,
    TikTokError,
    TryLater,
    clean_code,
    clean_log_id,
)
from webapp.tokens import TokenSet

if TYPE_CHECKING:
    from requests import Response

#: Assumed for an access token if a refresh answer doesn't say how long it lives (rule 26).
UNKNOWN_LIFE = timedelta(minutes=5)
#: In seconds. Anything above ten years is absurd; real lifetimes come from the answers.
_MAX_LIFE = 10 * 366 * 24 * 60 * 60
_MAX_OPEN_ID = 255
#: Digits of the largest 64-bit number; Python refuses to parse numbers of a few thousand digits.
_MAX_DIGITS = 19
_TOO_MANY_REQUESTS = 429
_NUMERIC = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SCOPE = re.compile(r"[a-z0-9_.]{1,64}")
_MEANINGS: dict[str, type[TikTokError]] = {
    "invalid_grant": ConnectAgain,
    "access_token_invalid": AccessRefused,
    "scope_not_authorized": ScopeMissing,
    "access_denied": Declined,
    "invalid_client": OurConfiguration,
    "unauthorized_client": OurConfiguration,
    "invalid_request": OurConfiguration,
    "invalid_scope": OurConfiguration,
    "unsupported_grant_type": OurConfiguration,
    "unsupported_response_type": OurConfiguration,
    "scope_permission_missed": OurConfiguration,
    "invalid_params": OurConfiguration,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status and, if the body is a JSON object, its content."""

    status: int
    #: The raw body; it may contain tokens.
    body: bytes = field(repr=False)
    #: None: the body is not a JSON object.
    document: dict[str, object] | None = field(repr=False)
    #: An object in the body repeats a name, so other JSON readers may see another value.
    has_duplicates: bool
    #: Seconds TikTok asked us to wait, 0 to 3600; None if it didn't.
    retry_after: int | None
    #: How far our clock is ahead of the answer's Date header; None without one.
    ahead: timedelta | None = None

    @property
    def ok(self) -> bool:
        """True if the HTTP status is a 2xx."""
        return 200 <= self.status < 300

    @property
    def log_id(self) -> str:
        """TikTok's ID of the call, or empty; TikTok's support asks for it."""
        document = self.document or {}
        return clean_log_id(document.get("log_id") or part(document, "error").get("log_id"))

    def fault(self) -> TikTokError | None:
        """Return the error that the body contains, whatever the status (rules 25, 42)."""
        error = (self.document or {}).get("error")
        code = error.get("code") if isinstance(error, dict) else error
        if code in (None, "", "ok"):
            return None
        meaning = _MEANINGS.get(code, TryLater) if isinstance(code, str) else TryLater
        if meaning is TryLater:
            return self.try_later(clean_code(code))
        return meaning(clean_code(code), log_id=self.log_id, status=self.status)

    def try_later(self, code: str) -> TryLater:
        """Return the error for an answer that is neither a success nor a refusal (rules 27, 47)."""
        return TryLater(
            "rate_limit_exceeded" if self.status == _TOO_MANY_REQUESTS else code,
            log_id=self.log_id,
            status=self.status,
            retry_after=self.retry_after,
        )


def read(response: "Response", now: datetime) -> Answer:
    """Read an answer. Raises nothing: an unreadable body is `document=None`."""
    document, has_duplicates = _parse(response.content)
    return Answer(
        status=response.status_code,
        body=response.content,
        document=document,
        has_duplicates=has_duplicates,
        retry_after=retry_after(response.headers.get("Retry-After"), now),
        ahead=ahead(response.headers.get("Date"), now),
    )


def read_exchange(answer: Answer, received: datetime) -> TokenSet:
    """Return the tokens of an exchange. Strict: anything missing is an error (rule 26).

    Raises the error that the body contains (rule 25), TryLater for any incomplete answer.
    """
    if fault := answer.fault():
        raise fault
    document = answer.document or {}
    access_token = _printable_text(document, "access_token")
    refresh_token = _printable_text(document, "refresh_token")
    open_id = _printable_text(document, "open_id")
    life = seconds(document.get("expires_in"))
    if (
        not answer.ok
        or answer.has_duplicates
        or not (access_token and refresh_token and open_id and life)
        or len(open_id) > _MAX_OPEN_ID
    ):
        raise answer.try_later("answer_unusable")
    return TokenSet(
        access_token=access_token,
        refresh_token=refresh_token,
        open_id=open_id,
        scopes=_scopes(document),
        access_expires_at=received + timedelta(seconds=life),
        refresh_expires_at=_refresh_expiry(document, received),
    )


def read_refresh(answer: Answer, received: datetime) -> TokenSet:
    """Return the tokens of a refresh. Lenient, because the old refresh token is already dead.

    An access token without an error is accepted, with the refresh token beside it, whatever else
    is missing or absurd (rules 26, 38). Raises the error that the body contains, or TryLater.
    """
    if fault := answer.fault():
        raise fault
    document = answer.document or {}
    access_token = _storable_text(document, "access_token")
    if access_token is None:
        raise answer.try_later("answer_unusable")
    life = seconds(document.get("expires_in"))
    return TokenSet(
        access_token=access_token,
        refresh_token=_storable_text(document, "refresh_token"),
        open_id=_storable_text(document, "open_id"),
        scopes=_scopes(document),
        access_expires_at=received + (timedelta(seconds=life) if life else UNKNOWN_LIFE),
        refresh_expires_at=_refresh_expiry(document, received),
        life_known=life is not None,
    )


def read_revoke(answer: Answer) -> None:
    """Check that TikTok ended the grant (an empty body, white space, `{}` or an `ok`; rule 41).

    Raises the error that the body contains (rule 42), TryLater for anything else.
    """
    if fault := answer.fault():
        raise fault
    said_ok = answer.document is not None and (
        not answer.document or isinstance(answer.document.get("error"), dict)
    )
    if not answer.ok or not (said_ok or not answer.body.strip()):
        raise answer.try_later("answer_unusable")


def read_client_credentials(answer: Answer) -> None:
    """Check that TikTok doesn't reject the client key and secret.

    Raises OurConfiguration on `invalid_client`, the only code that proves them wrong, and TryLater
    if the answer can't be used.
    """
    fault = answer.fault()
    if isinstance(fault, TryLater) or (fault and fault.code == "invalid_client"):
        raise fault
    if fault is None and (not answer.ok or answer.document is None):
        raise answer.try_later("answer_unusable")


def part(document: dict[str, object], name: str) -> dict[str, object]:
    """Return the object under a name, or an empty one."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def seconds(value: object) -> int | None:
    """Return a lifetime in whole seconds, or None if it is missing or absurd (rule 30).

    TikTok has sent numbers and numeric strings, such as "7200" and "86400.0".
    """
    if isinstance(value, str):
        value = float(value) if _NUMERIC.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if 1 <= value <= _MAX_LIFE else None


def _parse(body: bytes) -> tuple[dict[str, object] | None, bool]:
    """Return the JSON object of a body, if it is one, and True if an object repeats a name."""
    has_duplicates = False

    def collect(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal has_duplicates
        made = dict(pairs)
        has_duplicates = has_duplicates or len(made) < len(pairs)
        return made

    try:
        document = json.loads(
            # A stray byte in a description must not cost the tokens beside it.
            body.decode("utf-8-sig", errors="replace"),
            object_pairs_hook=collect,
            # Neither may an absurd number, nor NaN, which is not JSON.
            parse_int=lambda digits: int(digits) if len(digits) <= _MAX_DIGITS else None,
            parse_constant=lambda _name: None,
        )
    except (ValueError, RecursionError):
        return None, False
    return (document, has_duplicates) if isinstance(document, dict) else (None, False)


def _storable_text(document: Mapping[str, object], name: str) -> str | None:
    """Return a non-empty string that can be stored, or None (`null`, numbers, blanks…)."""
    value = document.get(name)
    if not isinstance(value, str) or not value.strip():
        return None
    # JSON can contain an unpaired surrogate; UTF-8, and so the database, can't.
    return None if _SURROGATE.search(value) else value


def _printable_text(document: Mapping[str, object], name: str) -> str | None:
    """Return a string of the characters that tokens may have (RFC 6749 appendix A), or None."""
    value = _storable_text(document, name)
    return value if value and value.isascii() and value.isprintable() and " " not in value else None


def _scopes(document: Mapping[str, object]) -> frozenset[str] | None:
    """Return the granted scopes, separated by commas or spaces; None if there is no `scope`.

    Names that no scope can have are dropped, so they can't make the database refuse a refresh.
    """
    value = document.get("scope")
    if not isinstance(value, str):
        return None
    return frozenset(filter(_SCOPE.fullmatch, value.replace(",", " ").split()))


def _refresh_expiry(document: Mapping[str, object], received: datetime) -> datetime | None:
    life = seconds(document.get("refresh_expires_in"))
    return received + timedelta(seconds=life) if life else None
