"""What TikTok answered, judged by the body first and the status second; holds no tokens.

Shared by all calls: reading the JSON, finding the error in either of TikTok's shapes (flat
`{"error": "…", "log_id": "…"}`, or `{"error": {"code": "…", "log_id": "…"}}`), sorting its code.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from requests import Response

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
from webapp.wire.waits import ahead, retry_after

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
