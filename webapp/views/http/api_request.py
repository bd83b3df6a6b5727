"""Reads what a service asks for: its key, its query, its body; repeats nothing of it."""

import json
import re
from dataclasses import dataclass
from datetime import timedelta

from flask import request

LONGEST_TTL = 86400
_DEFAULT_TTL = 300
#: As the contract has it (openapi.json).
_SCOPES = re.compile(r"[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+)*")
_MOST_SCOPES = 50
_LONGEST_SCOPES = 1000
_KNOWN = frozenset({"min_ttl", "scope"})


class BadRequest(Exception):
    """Something is not as the contract says; the message says what, without repeating it."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What the token must be good for."""

    min_ttl: timedelta
    scopes: frozenset[str]


def bearer() -> str:
    """Return the key of this request; empty if it shows none. Only the header counts."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def token_request() -> TokenRequest:
    """Return what the query asks for. Raises BadRequest."""
    if not request.query_string:
        return _USUAL
    args = request.args
    if not args.keys() <= _KNOWN:
        raise BadRequest("The query takes min_ttl and scope, and nothing else.")
    return TokenRequest(_min_ttl(args.getlist("min_ttl")), _scopes(args.getlist("scope")))


def is_known_version(version: int) -> bool:
    """Tell whether the service says that it has this version of the token (RFC 9110 §13.1.2)."""
    return "If-None-Match" in request.headers and request.if_none_match.contains_weak(str(version))


def rejected_version() -> int:
    """Return the version that the body names. Raises BadRequest."""
    wrong = BadRequest('The body is JSON like {"rejected_version": 17}, and nothing else.')
    try:
        body = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        raise wrong from None
    if not isinstance(body, dict) or body.keys() != {"rejected_version"}:
        raise wrong
    version = body["rejected_version"]
    if isinstance(version, float) and version.is_integer():
        version = int(version)  # 17.0 is an integer to JSON Schema, and to some languages
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise BadRequest("rejected_version is a whole number from 0 up.")
    return version


def _min_ttl(texts: list[str]) -> timedelta:
    if not texts:
        return _USUAL.min_ttl
    (text, *others) = texts
    digits = text.isascii() and text.isdecimal() and len(text) <= 5
    if others or not digits or int(text) > LONGEST_TTL:
        raise BadRequest(f"min_ttl is a whole number of seconds from 0 to {LONGEST_TTL}.")
    return timedelta(seconds=int(text))


def _scopes(texts: list[str]) -> frozenset[str]:
    fit = all(len(text) <= _LONGEST_SCOPES and _SCOPES.fullmatch(text) for text in texts)
    if len(texts) > _MOST_SCOPES or not fit:
        raise BadRequest("scope is names of scopes, joined by commas or repeated.")
    return frozenset(name for text in texts for name in text.split(","))


_USUAL = TokenRequest(timedelta(seconds=_DEFAULT_TTL), frozenset())
