"""Parse the requests of services: key, query and body. Error messages never repeat the input."""

import json
import re
from dataclasses import dataclass
from datetime import timedelta

from flask import request

from webapp.services.refresh.on_demand import MIN_TTL

LONGEST_TTL = 86400
#: As in openapi.json.
_SCOPES = re.compile(r"[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+)*")
_MOST_SCOPES = 50
_LONGEST_SCOPES = 1000
_KNOWN = frozenset({"min_ttl", "scope"})


class BadRequest(Exception):
    """The request violates openapi.json; the message says how, without repeating the input."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The remaining life and the scopes that a token must have."""

    min_ttl: timedelta
    scopes: frozenset[str]


def parse() -> TokenRequest:
    """Return what the query asks for. Raises BadRequest if it is malformed."""
    if not request.query_string:
        return _DEFAULT
    args = request.args
    if not args.keys() <= _KNOWN:
        raise BadRequest("The query may only contain min_ttl and scope.")
    return TokenRequest(_min_ttl(args.getlist("min_ttl")), _scopes(args.getlist("scope")))


def is_known(etag: str) -> bool:
    """Return True if If-None-Match names this token (RFC 9110 §13.1.2)."""
    return "If-None-Match" in request.headers and request.if_none_match.contains_weak(etag)


def rejected_version() -> int:
    """Return the `rejected_version` of the body. Raises BadRequest if the body is malformed."""
    malformed = BadRequest('The body must be JSON like {"rejected_version": 17}, and nothing else.')
    try:
        body = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        raise malformed from None
    if not isinstance(body, dict) or body.keys() != {"rejected_version"}:
        raise malformed
    version = body["rejected_version"]
    if isinstance(version, float) and version.is_integer():
        version = int(version)  # JSON Schema and some languages count 17.0 as an integer
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise BadRequest("rejected_version must be a whole number, 0 or more.")
    return version


def _min_ttl(texts: list[str]) -> timedelta:
    if not texts:
        return _DEFAULT.min_ttl
    (text, *others) = texts
    digits = text.isascii() and text.isdecimal() and len(text) <= 5
    if others or not digits or int(text) > LONGEST_TTL:
        raise BadRequest(f"min_ttl must be a whole number of seconds from 0 to {LONGEST_TTL}.")
    return timedelta(seconds=int(text))


def _scopes(texts: list[str]) -> frozenset[str]:
    well_formed = all(len(text) <= _LONGEST_SCOPES and _SCOPES.fullmatch(text) for text in texts)
    if len(texts) > _MOST_SCOPES or not well_formed:
        raise BadRequest("scope must be scope names, separated by commas or repeated.")
    return frozenset(name for text in texts for name in text.split(","))


_DEFAULT = TokenRequest(MIN_TTL, frozenset())
