"""What TikTok answered, judged by the body first and the status second; holds no tokens.

Shared by all calls: reading the JSON, finding the error in either of TikTok's shapes (flat
`{"error": "…", "log_id": "…"}`, or `{"error": {"code": "…", "log_id": "…"}}`), sorting its code.


Judging the answers of the token and revoke endpoints; never calls TikTok, stores nothing.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from requests import Response

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

#: The digits of the largest 64-bit number; Python refuses to read a few thousand.
_LONGEST_NUMBER = 19
_TOO_MANY = 429

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
    """One answer: its status and, where the body is a JSON object, what that says."""

    status: int
    #: The body as it came; it may hold tokens.
    body: bytes = field(repr=False)
    #: None: the body is no JSON object.
    document: dict[str, object] | None = field(repr=False)
    #: A name stands twice in an object of the body: another reader might see another value.
    doubled: bool
    #: Seconds TikTok asked us to wait, 0 to an hour.
    retry_after: int | None
    #: By how much our clock was ahead of the answer's Date, to the second; None: it had none.
    ahead: timedelta | None = None

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300

    @property
    def log_id(self) -> str:
        """TikTok's id of the call, or empty; its support asks for it."""
        document = self.document or {}
        return clean_log_id(document.get("log_id") or part(document, "error").get("log_id"))

    def fault(self) -> TikTokError | None:
        """Return the error the body tells of, whatever the status (rules 25, 42)."""
        error = (self.document or {}).get("error")
        code = error.get("code") if isinstance(error, dict) else error
        if code in (None, "", "ok"):
            return None
        meaning = _MEANINGS.get(code, TryLater) if isinstance(code, str) else TryLater
        if meaning is TryLater:
            return self.try_later(clean_code(code))
        return meaning(clean_code(code), log_id=self.log_id, status=self.status)

    def try_later(self, code: str) -> TryLater:
        """Return the error for an answer that says neither yes nor why not (rules 27, 47)."""
        return TryLater(
            "rate_limit_exceeded" if self.status == _TOO_MANY else code,
            log_id=self.log_id,
            status=self.status,
            retry_after=self.retry_after,
        )


def read(response: Response, now: datetime) -> Answer:
    """Read an answer; what cannot be read is part of the result, so nothing is raised."""
    document, doubled = _parse(response.content)
    return Answer(
        status=response.status_code,
        body=response.content,
        document=document,
        doubled=doubled,
        retry_after=retry_after(response.headers.get("Retry-After"), now),
        ahead=ahead(response.headers.get("Date"), now),
    )


def part(document: dict[str, object], name: str) -> dict[str, object]:
    """Return the object under a name, or an empty one."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _parse(body: bytes) -> tuple[dict[str, object] | None, bool]:
    doubled = False

    def note(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal doubled
        made = dict(pairs)
        doubled = doubled or len(made) < len(pairs)
        return made

    try:
        document = json.loads(
            # A stray byte in a description must not cost the tokens beside it.
            body.decode("utf-8-sig", errors="replace"),
            object_pairs_hook=note,
            # Neither may an absurd number, nor NaN, which is no JSON at all.
            parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_NUMBER else None,
            parse_constant=lambda _name: None,
        )
    except (ValueError, RecursionError):
        return None, False
    return (document, doubled) if isinstance(document, dict) else (None, False)


#: How long an access token is taken to live when a refresh answer does not say (rule 26).
UNKNOWN_LIFE = timedelta(minutes=5)
#: Beyond ten years a life is absurd. No real lifetime stands here: those come in the answers.
_LONGEST_LIFE = 10 * 366 * 24 * 60 * 60
_LONGEST_OPEN_ID = 255
_NUMERIC = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_SCOPE = re.compile(r"[a-z0-9_.]{1,64}")


def read_exchange(answer: Answer, received: datetime) -> TokenSet:
    """Return the tokens of an exchange, judged strictly: nothing depends on them yet (rule 26).

    Raises what the body's error means (rule 25), TryLater for anything less than a whole answer.
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


def read_refresh(answer: Answer, received: datetime) -> TokenSet:
    """Return the tokens of a refresh, judged leniently: the old refresh token is dead by now.

    Whatever else is missing or absurd, an access token without an error is kept, with the
    refresh token it came with (rules 26, 38). Raises what the body's error means, or TryLater.
    """
    if fault := answer.fault():
        raise fault
    document = answer.document or {}
    access_token = _field_text(document, "access_token")
    if access_token is None:
        raise answer.try_later("answer_unusable")
    life = seconds(document.get("expires_in"))
    return TokenSet(
        access_token=access_token,
        refresh_token=_field_text(document, "refresh_token"),
        open_id=_field_text(document, "open_id"),
        scopes=_scopes(document),
        access_expires_at=received + (timedelta(seconds=life) if life else UNKNOWN_LIFE),
        refresh_expires_at=_end(document, received),
        life_known=life is not None,
    )


def read_revoke(answer: Answer) -> None:
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


def read_client_credentials(answer: Answer) -> bool:
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
    return _printable_text(answer.document, "access_token") is not None


def seconds(value: object) -> int | None:
    """Return a lifetime in whole seconds, or None if it is missing or absurd (rule 30).

    TikTok has sent numbers and numeric strings, such as "7200" and "86400.0".
    """
    if isinstance(value, str):
        value = float(value) if _NUMERIC.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return int(value) if 1 <= value <= _LONGEST_LIFE else None


def _field_text(document: Mapping[str, object], name: str) -> str | None:
    """Return a non-empty string that can be stored, or None (`null`, numbers, blanks…)."""
    value = document.get(name)
    if not isinstance(value, str) or not value.strip():
        return None
    # A lone half of a surrogate pair can be written in JSON and nowhere else.
    return None if _HALF_PAIR.search(value) else value


def _printable_text(document: Mapping[str, object], name: str) -> str | None:
    """Return a string of the characters that tokens have (RFC 6749 appendix A), or None."""
    value = _field_text(document, name)
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
