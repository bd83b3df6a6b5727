"""A query of the list as the text of an address, and back; drops what it cannot read, aloud."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from webapp.models import Reason
from webapp.services.operators.standing import State
from webapp.services.operators.wanted import Place, Query, Sort

FAILING = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
    "7d": timedelta(days=7),
}
WITHIN = {f"{days}d": timedelta(days=days) for days in (1, 7, 14, 30, 90)}
SORTS = tuple(sort for sort in Sort if sort is not Sort.FAILING_SINCE)
LONGEST_SEARCH = 100
_SCOPE = re.compile(r"[a-z0-9._]{1,60}")
_MOMENT = "%Y%m%dT%H%M%S.%fZ"
_PLACE = re.compile(r"(?P<value>-|\d{1,9}|\d{8}T\d{6}\.\d{6}Z)~(?P<id>\d{1,9})")


class Unreadable(Exception):
    """A value that means nothing here."""


@dataclass(frozen=True, slots=True)
class Read:
    """A query, and the parameters that were dropped on the way."""

    query: Query
    ignored: tuple[str, ...]


def read(pairs: Iterable[tuple[str, str]]) -> Read:
    """Return the query of an address's parameters; the first of two of the same name counts."""
    values: dict[str, Any] = {}
    ignored: list[str] = []
    places: dict[str, str] = {}
    for name, text in pairs:
        if not text.strip():
            continue
        if name in ("after", "before") and name not in places:
            places[name] = text
            continue
        try:
            found = _READERS[name](text) if name in _READERS else {}
        except (Unreadable, ValueError, KeyError):
            found = {}
        if found and not found.keys() & values.keys():
            values |= found
        else:
            ignored.append(name)
    query = Query(**values)
    for name, text in places.items():
        place = _place(query, text)
        if place is None or query.after is not None:
            ignored.append(name)
        else:
            query = replace(query, after=place) if name == "after" else replace(query, before=place)
    return Read(query, tuple(dict.fromkeys(ignored)))


def parse_string(text: str) -> Query:
    """Return the query of a text as `phrase` makes it; what it cannot read is left out."""
    try:
        pairs = parse_qsl(text, max_num_fields=20)
    except ValueError:
        return Query()
    return replace(read(pairs).query, after=None, before=None)


def phrase(query: Query) -> str:
    """Return the one text of a query, its filters and order, without the place in it."""
    return urlencode(pairs(replace(query, after=None, before=None)))


def pairs(query: Query) -> list[tuple[str, str]]:
    """Return the parameters of a query in a fixed order, without those that are as usual."""
    found = {
        "q": query.search,
        "status": query.state,
        "scope": query.scope,
        "reason": query.reason,
        "failing": _name(FAILING, query.failing),
        "within": _name(WITHIN, query.within),
        "sort": None if (query.sort, query.down) == (Sort.EXPIRES, False) else _sort_text(query),
        "after": query.after and _place_text(query.after),
        "before": query.before and _place_text(query.before),
    }
    return [(name, str(value)) for name, value in found.items() if value]


def _sort_text(query: Query) -> str:
    return f"-{query.sort}" if query.down else str(query.sort)


def _name(names: dict[str, timedelta], value: timedelta | None) -> str | None:
    return next((name for name, each in names.items() if each == value), None)


def _search(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_SEARCH or not text.isprintable():
        raise Unreadable
    return {"search": " ".join(text.split())}


def _scope(text: str) -> dict[str, Any]:
    if not _SCOPE.fullmatch(text):
        raise Unreadable
    return {"scope": text}


def _sort(text: str) -> dict[str, Any]:
    sort = Sort(text.removeprefix("-"))
    if sort not in SORTS:
        raise Unreadable
    return {"sort": sort, "down": text.startswith("-")}


_READERS = {
    "q": _search,
    "status": lambda text: {"state": State(text)},
    "scope": _scope,
    "reason": lambda text: {"reason": Reason(text)},
    "failing": lambda text: {"failing": FAILING[text]},
    "within": lambda text: {"within": WITHIN[text]},
    "sort": _sort,
}


def _place_text(place: Place) -> str:
    value = place.value
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC).strftime(_MOMENT)}~{place.id}"
    return f"{'-' if value is None else value}~{place.id}"


def _place(query: Query, text: str) -> Place | None:
    """Return a place, if it can be one in the order of this query."""
    found = _PLACE.fullmatch(text) if text.isascii() else None
    if found is None:
        return None
    value, user_id = found["value"], int(found["id"])
    if value == "-":
        return Place(None, user_id)
    if value.isdigit() != (query.order is Sort.REFRESHES):
        return None
    if value.isdigit():
        return Place(int(value), user_id)
    try:
        return Place(datetime.strptime(value, _MOMENT).replace(tzinfo=UTC), user_id)
    except ValueError:
        return None
