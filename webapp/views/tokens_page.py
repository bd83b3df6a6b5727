"""Tiles, filters, headers and remarks of the page of tokens, from what is asked; never looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.services.counting import Counts
from webapp.services.listing import Page
from webapp.services.phrasing import FAILING, WITHIN
from webapp.services.standing import State
from webapp.services.wanted import Query, Sort
from webapp.views.present import STATES, Tag, plural
from webapp.views.query import Asked, address

#: Column → its order, its words for the caption upwards and downwards.
ORDERS: Mapping[Sort, tuple[str, str, str]] = {
    Sort.EXPIRES: ("Expires", "expiring soonest first", "expiring last first"),
    Sort.RECONNECT_BY: ("Reconnect by", "to reconnect soonest first", "to reconnect last first"),
    Sort.REFRESHES: ("Refreshes", "fewest refreshes first", "most refreshes first"),
    Sort.LAST_USED: ("Last used", "used longest ago first", "used last first"),
    Sort.NEXT: ("Next refresh", "next refresh first", "last refresh first"),
    Sort.FAILING_SINCE: ("", "failing longest first", ""),
}
#: What the filter is called that brings an order along.
FORCES = {
    Sort.FAILING_SINCE: "Failing for",
    Sort.RECONNECT_BY: "Reconnect within",
    Sort.EXPIRES: "Expires soon",
}
#: By `Reason`, short enough for a list to choose from.
REASONS = {
    "refused": "Refused",
    "interrupted": "Interrupted here",
    "grant_over": "Grant ran out",
    "removed_0": "Ended by TikTok",
    "removed_1": "Removed in the app",
    "removed_2": "Account deleted",
    "removed_3": "Age rules",
    "removed_4": "Account suspended",
    "removed_5": "Disconnected here",
}


@dataclass(frozen=True)
class Tile:
    """One of the five counts on top."""

    tag: Tag
    #: None: not counted yet.
    count: int | None
    address: str
    is_current: bool


@dataclass(frozen=True)
class Choice:
    """One entry of a filter."""

    value: str
    word: str
    is_chosen: bool


@dataclass(frozen=True)
class Filter:
    """One filter of the form: a list to choose from."""

    name: str
    label: str
    choices: Sequence[Choice]


@dataclass(frozen=True)
class Header:
    """One column's head. Without an address it is no link."""

    label: str
    address: str = ""
    #: "ascending", "descending" or "".
    sorted: str = ""
    is_number: bool = False


def tiles(base: str, query: Query, counts: Counts | None) -> list[Tile]:
    """Return the five counts of everything, each a link to its rows."""
    numbers: Mapping[State, int] = counts.by_state if counts else {}
    return [
        Tile(
            STATES[state],
            numbers.get(state),
            address(base, Query(sort=query.sort, down=query.down), state=state),
            query.state is state,
        )
        for state in State
    ]


def filters(query: Query, scopes: Sequence[str]) -> list[Filter]:
    """Return the five filters with what is chosen in each."""
    known = {scope: scope for scope in [*scopes, *([query.scope] if query.scope else [])]}
    failing = next((name for name, each in FAILING.items() if each == query.failing), "")
    within = next((name for name, each in WITHIN.items() if each == query.within), "")
    return [
        _filter("status", "Status", query.state or "", {s: STATES[s].word for s in State}),
        _filter("scope", "Has permission", query.scope or "", known),
        _filter("reason", "Reason", query.reason or "", REASONS),
        _filter("failing", "Failing for", failing, {n: f"{_span(n)} or more" for n in FAILING}),
        _filter("within", "Reconnect within", within, {name: _span(name) for name in WITHIN}),
    ]


def headers(base: str, query: Query) -> list[Header]:
    """Return the heads of the columns behind the box; those that order the rows are links."""
    by = {sort: _header(base, query, sort) for sort in ORDERS if ORDERS[sort][0]}
    return [
        *(Header("Account"), Header("Status"), by[Sort.EXPIRES], by[Sort.RECONNECT_BY]),
        *(Header("Permissions"), by[Sort.REFRESHES], by[Sort.LAST_USED], by[Sort.NEXT]),
    ]


def caption(query: Query, shown: int, total: int | None) -> str:
    """Return what the table is: how many rows of how many, in which order."""
    upward, downward = ORDERS[query.order][1:]
    order = downward if query.falling else upward
    of = "" if total is None else f" of {plural(max(total, shown), 'token')}"
    return f"{shown:,}{of or ' ' + ('token' if shown == 1 else 'tokens')}, {order}"


def remarks(asked: Asked, page: Page, counts: Counts | None, now: datetime) -> list[str]:
    """Return what must be said about this page in whole sentences."""
    said = []
    if asked.ignored:
        said.append(f"Ignored: {', '.join(asked.ignored)}")
    forced = asked.query.forced
    if forced is not None:
        order = ORDERS[forced][1]
        said.append(f"The filter “{FORCES[forced]}” orders the rows by its own time: {order}.")
    if page.cut:
        said.append("Only the first 500 people this search finds were looked at. Type more of it.")
    if counts is None:
        said.append("The tokens are being counted. Reload in a minute to see how many there are.")
    elif counts.counted_at is not None:
        seconds = max(int((now - counts.counted_at).total_seconds()), 0)
        ago = plural(seconds, "second") if seconds < 120 else plural(seconds // 60, "minute")
        said.append(f"Counted {ago} ago.")
    return said


def _filter(name: str, label: str, chosen: str, words: Mapping[str, str]) -> Filter:
    choices = [Choice("", "Any", not chosen)]
    choices += [Choice(value, words[value], value == chosen) for value in words]
    return Filter(name, label, choices)


def _header(base: str, query: Query, sort: Sort) -> Header:
    label, is_number = ORDERS[sort][0], sort is Sort.REFRESHES
    now = ""
    if query.order is sort:
        now = "descending" if query.falling else "ascending"
    if query.forced is not None:
        return Header(label, "", now, is_number)
    turned = address(base, query, sort=sort, down=now == "ascending")
    return Header(label, turned, now, is_number)


def _span(name: str) -> str:
    """Return a span of an address in words: "6h" is "6 hours"."""
    return plural(int(name[:-1]), {"h": "hour", "d": "day"}[name[-1]])
