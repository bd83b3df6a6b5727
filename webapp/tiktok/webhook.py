"""TikTok's webhook requests: checks the signature over the raw body, then reads the event."""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

HEADER = "TikTok-Signature"
REMOVED = "authorization.removed"
#: Maximum difference between the signature's time and ours, in seconds. TikTok prescribes none.
TOLERANCE = 300
_MAX_HEADER = 1024
_MAX_ID = 256
_EVENT = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class NotSigned(Exception):
    """The signature is not valid. The text says why: missing, unreadable, wrong or stale."""


class Unreadable(Exception):
    """The body is signed but isn't a webhook event."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """A webhook event. Every text is short and printable."""

    event: str
    client_key: str
    open_id: str
    #: When it happened, in seconds since 1970, UTC.
    created_at: int
    #: TikTok's number for why the authorization was removed; 0 if it isn't given.
    reason: int


def check(header: str | None, body: bytes, secret: str, now: datetime) -> None:
    """Check that `body` is signed with the client secret, within 300 s of `now` (rules 57, 58).

    The header may contain several `s`, as while a secret is being replaced: one valid signature is
    enough. Raises NotSigned if none is.
    """
    if not header:
        raise NotSigned("missing")
    stamp, signatures = _parts(header)
    made = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    # Compare all of them, so the time taken doesn't show which one matched.
    matches = [
        hmac.compare_digest(made.encode(), each.encode(errors="replace")) for each in signatures
    ]
    if not any(matches):
        raise NotSigned("wrong")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE:
        raise NotSigned("stale")


def read(body: bytes) -> WebhookEvent:
    """Return the event of a signed body. Raises Unreadable."""
    document = _object(body)
    event, created_at = document.get("event"), _integer(document.get("create_time"))
    if not isinstance(event, str) or not _EVENT.fullmatch(event) or created_at is None:
        raise Unreadable
    return WebhookEvent(
        event=event,
        client_key=_id(document.get("client_key")),
        open_id=_id(document.get("user_openid")),
        created_at=created_at,
        reason=_reason(document.get("content")),
    )


def _parts(header: str) -> tuple[str, list[str]]:
    """Return `t` and every `s`. Spaces around parts and unknown parts are ignored."""
    if len(header) > _MAX_HEADER:
        raise NotSigned("unreadable")
    pairs = [part.partition("=") for part in header.split(",")]
    stamps = [value.strip() for name, _, value in pairs if name.strip() == "t"]
    signatures = [value.strip() for name, _, value in pairs if name.strip() == "s"]
    if len(stamps) != 1 or not _SECONDS.fullmatch(stamps[0]) or not signatures:
        raise NotSigned("unreadable")
    return stamps[0], signatures


def _object(text: bytes | str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable from None
    if not isinstance(found, dict):
        raise Unreadable
    return found


def _reason(content: object) -> int:
    """Return the reason inside `content`, which is JSON in a string; 0 if there is none."""
    try:
        document = _object(content) if isinstance(content, str) else content
    except Unreadable:
        return 0
    reason = _integer(document.get("reason")) if isinstance(document, dict) else None
    return 0 if reason is None else reason


def _integer(value: object) -> int | None:
    """Return a whole number, given as a number or a string; None for anything else."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _id(value: object) -> str:
    """Return a valid ID unchanged; an empty text, which matches nobody, for anything else."""
    if not isinstance(value, str) or len(value) > _MAX_ID:
        return ""
    return value if value.isascii() and value.isprintable() else ""
