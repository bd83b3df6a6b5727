"""Reads what a caller of the levers wishes, or says in words why not; never acts on it."""

from typing import Any

from flask import Response, jsonify, request

from sandbox import scopes
from sandbox.runtime import desk

Wish = dict[str, Any]


def problem(words: str, status: int = 400) -> Response:
    """Return a refusal in words."""
    response = jsonify({"error": words})
    response.status_code = status
    return response


def wished() -> Wish:
    """Return the JSON object of the request.

    Raises ValueError if it is none.
    """
    if not request.get_data():
        return {}
    wish = request.get_json(silent=True)
    if not isinstance(wish, dict):
        raise ValueError("the body must be a JSON object")
    return dict(wish)


def person_named(wish: Wish, key: str = "person") -> str:
    """Return the short name under `key`.

    Raises ValueError if nobody has it.
    """
    name = wish.get(key)
    if not isinstance(name, str) or desk().books.person(name) is None:
        raise ValueError(f"{key}: nobody here has the name {name!r}")
    return name


def open_id_wished(wish: Wish) -> str:
    """Return the id given, or that of the person named.

    Raises ValueError if nobody has the name.
    """
    if "open_id" in wish:
        return str(wish["open_id"])
    return desk().books.open_id(person_named(wish))


def scopes_wished(default: str | None) -> frozenset[str]:
    """Return the scopes given as a list or comma list.

    Raises ValueError if one is unknown, or none are given and there is no default.
    """
    given = wished().get("scopes", default)
    text = ",".join(map(str, given)) if isinstance(given, list) else given
    if text == "":
        return frozenset()
    parsed = scopes.parse(text) if isinstance(text, str) else None
    if parsed is None:
        raise ValueError("scopes must be a list (or comma list) of known scopes")
    return frozenset(parsed)
