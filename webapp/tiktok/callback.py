"""Reads the parameters that TikTok adds to the callback URL. Strict; makes no call.

The view reads `state` first, for success and error alike (rule 12), then the rest.
"""

import re
from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from webapp.tiktok.errors import (
    Declined,
    NotATargetUser,
    OurConfiguration,
    TikTokError,
    TryLater,
    clean_code,
)

_MAX_CODE = 2048
_MAX_STATE = 512
#: Werkzeug leaves bytes that aren't UTF-8 percent-encoded; TikTok's values are ASCII.
_BAD_BYTES = re.compile(r"%[89A-Fa-f][0-9A-Fa-f]")
#: Types of errors that TikTok sends as `access_denied` although nobody declined (rule 14).
_CONFIGURATION_ERRORS = frozenset(
    {"client_key", "redirect_uri", "code_challenge", "scope_not_authorized"}
)
_UNAVAILABLE = frozenset({"server_error", "temporarily_unavailable"})


class BadCallback(Exception):
    """Not a valid answer of TikTok: respond with 400 and make no call (rules 15, 16)."""

    def __init__(self, reason: str) -> None:
        """Store the reason: repeated, incomplete, both, unreadable, too_long or other_issuer."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Callback:
    """TikTok's answer: either a code, to be exchanged once, or a refusal."""

    code: str | None = field(repr=False)
    refusal: TikTokError | None


def state(args: MultiDict[str, str]) -> str | None:
    """Return the `state` parameter; None if it is missing or empty. Raises BadCallback."""
    return _single(args, "state", _MAX_STATE)


def read(args: MultiDict[str, str], issuer: str) -> Callback:
    """Return TikTok's answer; `issuer` is the origin of the authorize URL.

    Raises BadCallback on a repeated parameter (RFC 6749 §3.1), on neither or both of `code` and
    `error`, on characters or lengths that no code has, and on another `iss` (RFC 9207 §2.4).
    """
    if any(len(values) > 1 for _name, values in args.lists()):
        raise BadCallback("repeated")
    if args.get("iss") and args["iss"].removesuffix("/") != issuer:
        raise BadCallback("other_issuer")
    code = _single(args, "code", _MAX_CODE)
    error = args.get("error")
    if code and error:
        raise BadCallback("both")
    if error:
        return Callback(None, _refusal(error, args.get("error_type", "")))
    if code:
        return Callback(code, None)
    raise BadCallback("incomplete")


def _single(args: MultiDict[str, str], name: str, max_length: int) -> str | None:
    """Return the value of a parameter; None if missing or empty. Raises BadCallback."""
    values = args.getlist(name)
    if len(values) > 1:
        raise BadCallback("repeated")
    value = values[0] if values else ""
    if len(value) > max_length:
        raise BadCallback("too_long")
    # RFC 6749 appendix A: printable ASCII. A space comes from a stray "+".
    if not (value.isascii() and value.isprintable()) or " " in value or _BAD_BYTES.search(value):
        raise BadCallback("unreadable")
    return value or None


def _refusal(error: str, error_type: str) -> TikTokError:
    if error_type == "non_sandbox_target":
        return NotATargetUser(error_type)
    if error_type in _CONFIGURATION_ERRORS:
        return OurConfiguration(error_type)
    if error == "access_denied":
        return Declined(error)
    if error in _UNAVAILABLE:
        return TryLater(error)
    return OurConfiguration(clean_code(error))
