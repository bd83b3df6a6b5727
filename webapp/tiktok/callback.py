"""What TikTok sent back with the browser, read strictly; never calls TikTok.

The view looks up `state` first, for success and error alike (rule 12), then asks for the rest.
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

_LONGEST_CODE = 2048
_LONGEST_STATE = 512
#: Werkzeug leaves bytes that are no UTF-8 percent-encoded; TikTok's values are ASCII anyway.
_BAD_BYTES = re.compile(r"%[89A-Fa-f][0-9A-Fa-f]")
#: What TikTok calls access_denied although nobody said no (rule 14).
_SET_UP_FAULTS = frozenset({"client_key", "redirect_uri", "code_challenge", "scope_not_authorized"})
_AWAY = frozenset({"server_error", "temporarily_unavailable"})


class BadCallback(Exception):
    """Not an answer of TikTok's: answer 400 and call nobody (rules 15, 16). Holds a word, why."""

    def __init__(self, reason: str) -> None:
        """Take the reason: doubled, incomplete, both, unreadable, too_long or other_issuer."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Callback:
    """The answer: either the code, to be exchanged once, or the refusal."""

    code: str | None = field(repr=False)
    refusal: TikTokError | None


def state(args: MultiDict[str, str]) -> str | None:
    """Return the state that came back, None if there is none. Raises BadCallback."""
    return _one(args, "state", _LONGEST_STATE)


def read(args: MultiDict[str, str], issuer: str) -> Callback:
    """Return what TikTok answered; `issuer` is the origin of the authorize URL.

    Raises BadCallback on a doubled parameter (RFC 6749 §3.1), on neither or both of code and
    error, on bytes or lengths that no code has, and on another `iss` (RFC 9207 §2.4).
    """
    if any(len(values) > 1 for _name, values in args.lists()):
        raise BadCallback("doubled")
    if args.get("iss") and args["iss"].removesuffix("/") != issuer:
        raise BadCallback("other_issuer")
    code = _one(args, "code", _LONGEST_CODE)
    error = args.get("error")
    if code and error:
        raise BadCallback("both")
    if error:
        return Callback(None, _refusal(error, args.get("error_type", "")))
    if code:
        return Callback(code, None)
    raise BadCallback("incomplete")


def _one(args: MultiDict[str, str], name: str, longest: int) -> str | None:
    """Return the one value of a parameter; empty is none. Raises BadCallback."""
    values = args.getlist(name)
    if len(values) > 1:
        raise BadCallback("doubled")
    value = values[0] if values else ""
    if len(value) > longest:
        raise BadCallback("too_long")
    # RFC 6749 appendix A: printable ASCII. A space is what a stray "+" becomes.
    if not (value.isascii() and value.isprintable()) or " " in value or _BAD_BYTES.search(value):
        raise BadCallback("unreadable")
    return value or None


def _refusal(error: str, error_type: str) -> TikTokError:
    if error_type == "non_sandbox_target":
        return NotATargetUser(error_type)
    if error_type in _SET_UP_FAULTS:
        return OurConfiguration(error_type)
    if error == "access_denied":
        return Declined(error)
    if error in _AWAY:
        return TryLater(error)
    return OurConfiguration(clean_code(error))
