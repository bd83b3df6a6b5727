"""TikTok's notices: the signature over the raw bytes first, then what they say; changes nothing."""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

HEADER = "TikTok-Signature"
REMOVED = "authorization.removed"
#: Seconds between the signature's time and ours, either way; TikTok prescribes none.
TOLERANCE = 300
_LONGEST_HEADER = 1024
_LONGEST_NAME = 256
_EVENT = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)


class NotSigned(Exception):
    """Not signed by TikTok, or not now. Its text is a word: missing, unreadable, wrong or stale."""


class Unreadable(Exception):
    """Signed, but not a notice that we know how to read."""


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """What TikTok tells; every text is short and printable."""

    event: str
    client_key: str
    open_id: str
    #: When it happened, in seconds since 1970, UTC.
    created_at: int
    #: Why the authorization was removed, as TikTok numbers it; 0: it does not say.
    reason: int


def check(header: str | None, body: bytes, secret: str, now: datetime) -> None:
    """Return if `body` is signed with the client secret, within 300 s of `now` (rules 57, 58).

    Several `s` may stand there, as when a secret is being replaced: one that fits is enough.
    Raises NotSigned.
    """
    if not header:
        raise NotSigned("missing")
    stamp, seals = _parts(header)
    made = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    # Each is compared, whichever fits.
    fits = [hmac.compare_digest(made.encode(), seal.encode(errors="replace")) for seal in seals]
    if not any(fits):
        raise NotSigned("wrong")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE:
        raise NotSigned("stale")


def read(body: bytes) -> WebhookEvent:
    """Return what a signed body says. Raises Unreadable."""
    told = _object(body)
    event, created_at = told.get("event"), _integer(told.get("create_time"))
    if not isinstance(event, str) or not _EVENT.fullmatch(event) or created_at is None:
        raise Unreadable
    return WebhookEvent(
        event=event,
        client_key=_name(told.get("client_key")),
        open_id=_name(told.get("user_openid")),
        created_at=created_at,
        reason=_reason(told.get("content")),
    )


def _parts(header: str) -> tuple[str, list[str]]:
    """Return `t` and every `s`; parts may be padded, unknown ones are ignored."""
    if len(header) > _LONGEST_HEADER:
        raise NotSigned("unreadable")
    pairs = [part.partition("=") for part in header.split(",")]
    stamps = [value.strip() for name, _, value in pairs if name.strip() == "t"]
    seals = [value.strip() for name, _, value in pairs if name.strip() == "s"]
    if len(stamps) != 1 or not _SECONDS.fullmatch(stamps[0]) or not seals:
        raise NotSigned("unreadable")
    return stamps[0], seals


def _object(text: bytes | str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable from None
    if not isinstance(found, dict):
        raise Unreadable
    return found


def _reason(content: object) -> int:
    """Return the reason inside `content`, which is JSON inside a string; 0 if there is none."""
    try:
        told = _object(content) if isinstance(content, str) else content
    except Unreadable:
        return 0
    reason = _integer(told.get("reason")) if isinstance(told, dict) else None
    return 0 if reason is None else reason


def _integer(value: object) -> int | None:
    """Return a whole number, also one that came as a string; None for anything else."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _name(value: object) -> str:
    """Return an id as it is; empty if it is none, so that it fits nobody."""
    fits = isinstance(value, str) and value.isascii() and value.isprintable()
    return value if fits and isinstance(value, str) and len(value) <= _LONGEST_NAME else ""
