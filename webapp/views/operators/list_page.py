"""Everything the page of connections shows: tiles, filters, headers, remarks and links."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import url_for

from webapp import language
from webapp.language import N_, ngettext
from webapp.language import gettext as _
from webapp.services.operators import list_search
from webapp.services.operators.counts import Counts
from webapp.services.operators.list_pages import Page
from webapp.services.operators.list_query import (
    ENDING,
    FAILING_FOR,
    WITHIN,
    Query,
    Sort,
    State,
    query_pairs,
    query_string,
)
from webapp.views.http.template_filters import quoted, state_tag
from webapp.views.operators import list_rows
from webapp.views.operators.list_address import MORE, ListRequest, address, same_page

#: Sort → column title, caption for ascending and for descending order.
ORDERS: Mapping[Sort, tuple[str, str, str]] = {
    Sort.ATTENTION: ("", N_("needs attention first"), N_("needs attention last")),
    Sort.EXPIRES: (N_("Access expires"), N_("expiring soonest first"), N_("expiring latest first")),
    Sort.RECONNECT_BY: (
        N_("Reconnect by"),
        N_("earliest reconnect date first"),
        N_("latest reconnect date first"),
    ),
    Sort.REFRESHES: (N_("Refreshes"), N_("fewest refreshes first"), N_("most refreshes first")),
    Sort.LAST_USED: (
        N_("Last used"),
        N_("least recently used first"),
        N_("most recently used first"),
    ),
    Sort.NEXT: (
        N_("Next refresh"),
        N_("earliest refresh first"),
        N_("latest refresh first"),
    ),
    Sort.FAILING_SINCE: ("", N_("failing longest first"), ""),
}
#: Sort → name of the filter that forces it.
FORCES = {
    Sort.FAILING_SINCE: N_("Failing for"),
    Sort.RECONNECT_BY: N_("Reconnect within"),
    Sort.EXPIRES: N_("Expires soon"),
}
#: The orders that the form offers, each from the end that is asked for most.
_OFFERED = ("", "expires", "reconnect_by", "next", "last_used", "-last_used", "-refreshes")
#: By `Reason`, short enough for a select box.
REASONS = {
    "refused": N_("Refused"),
    "interrupted": N_("Renewal interrupted"),
    "grant_over": N_("Connection expired"),
    "removed_0": N_("Ended by TikTok"),
    "removed_1": N_("Removed in the app"),
    "removed_2": N_("Account deleted"),
    "removed_3": N_("Age restriction"),
    "removed_4": N_("Account suspended"),
    "removed_5": N_("Disconnected here"),
}


@dataclass(frozen=True)
class Tile:
    """One of the counts at the top."""

    kind: str
    word: str
    #: None: not counted yet.
    count: int | None
    address: str
    is_current: bool


@dataclass(frozen=True)
class Filter:
    """One filter of the form: a select box."""

    name: str
    label: str
    #: The selected option; empty for any.
    chosen: str
    #: Option → text.
    words: Mapping[str, str]


@dataclass(frozen=True)
class Header:
    """The header of a column; a link if it has an address."""

    label: str
    address: str = ""
    #: "ascending", "descending" or "".
    sorted: str = ""


def context(
    asked: ListRequest, page: Page, counts: Counts | None, total: int | None, now: datetime
) -> dict[str, Any]:
    """Return the context of the page, except for the filters. Needs a request context.

    `total` is how many rows match; None if unknown.
    """
    query, base = asked.query, url_for("operators.tokens")
    # What can't be read was not applied, so "all that match" are not those that were meant.
    whole = not (page.cut or asked.ignored)
    everything = asked.everything and bool(page.rows) and whole
    return {
        "query": query,
        "rows": list_rows.lines(page.rows, now, same_page(query)),
        "fill": list_rows.fill,
        "everything": everything,
        "whole_page": asked.whole_page or everything,
        "total": total,
        "select_all": _all_that_match(base, query, page) if whole else "",
        "nobody": not (page.rows or query.is_filtered or query.after or query.before)
        and not (counts and counts.total),
        "tiles": tiles(base, query, counts),
        "headers": headers(base, query),
        "caption": caption(query, len(page.rows), total),
        "remarks": remarks(asked, page, counts, now),
        "links": links(base, query, page),
        "orders": orders(query),
        "dropped": [] if page.rows else droppable(base, query),
    }


def links(base: str, query: Query, page: Page) -> dict[str, str]:
    """Return the addresses of neighboring pages and exports; empty if there is none."""
    files = address("", query)
    return {
        "previous": address(base, query, before=page.previous) if page.previous else "",
        "next": address(base, query, after=page.next) if page.next else "",
        "first": address(base, query) if query.after or query.before else "",
        "here": address(base, query, after=query.after, before=query.before),
        "select_page": address(
            base, query, after=query.after, before=query.before, whole_page=True
        ),
        "csv": f"{base}.csv{files}",
        "json": f"{base}.json{files}",
        "query": query_string(query),
    }


def _all_that_match(base: str, query: Query, page: Page) -> str:
    """Return the address that selects all matches; empty if they are all on this page."""
    if not page.rows or not (page.next or page.previous):
        return ""
    return address(base, query, everything=True)


def tiles(base: str, query: Query, counts: Counts | None) -> list[Tile]:
    """Return the counts by state, and of those that must reconnect soon, each a link to its rows.

    Those in red and amber are for someone to act on.
    """
    numbers: Mapping[State, int] = counts.by_state if counts else {}
    plain = Query(sort=query.sort, down=query.down)
    everybody = Tile(
        "", _("All"), counts.total if counts else None, address(base, plain), not query.is_filtered
    )
    return [
        everybody,
        *(_tile(base, plain, state, numbers.get(state), query.state is state) for state in State),
        Tile(
            "warn",
            _("Reconnect soon"),
            counts.ending if counts else None,
            address(base, plain, within=ENDING),
            query.within == ENDING,
        ),
    ]


def _tile(base: str, plain: Query, state: State, count: int | None, is_current: bool) -> Tile:
    kind, word = state_tag(state)
    # One failing row is retried and only amber; that there are any is for an operator to look at.
    kind = "bad" if state is State.FAILING else kind
    return Tile(kind, word, count, address(base, plain, state=state), is_current)


def filters(query: Query, scopes: Sequence[str]) -> list[Filter]:
    """Return the five filters and their selected options."""
    known = {scope: scope for scope in [*scopes, *([query.scope] if query.scope else [])]}
    failing = next((name for name, each in FAILING_FOR.items() if each == query.failing), "")
    within = next((name for name, each in WITHIN.items() if each == query.within), "")
    return [
        Filter("status", _("Status"), query.state or "", {s: state_tag(s).word for s in State}),
        Filter("scope", _("Has permission"), query.scope or "", known),
        Filter("reason", _("Reason"), query.reason or "", {r: _(REASONS[r]) for r in REASONS}),
        Filter(
            "failing",
            _("Failing for"),
            failing,
            {name: _("%(span)s or more", span=_span(name)) for name in FAILING_FOR},
        ),
        Filter("within", _("Reconnect within"), within, {name: _span(name) for name in WITHIN}),
    ]


def orders(query: Query) -> Filter | None:
    """Return the choice of an order; None if a filter implies it."""
    if query.forced is not None:
        return None
    chosen = dict(query_pairs(query)).get("sort", "")
    words = {name: _order_text(name) for name in dict.fromkeys([*_OFFERED, chosen])}
    return Filter("sort", _("Order"), chosen, words)


def _order_text(name: str) -> str:
    """Return an order of the address as text: "Needs attention first"."""
    sort = Sort(name.removeprefix("-") or Sort.ATTENTION)
    text = _(ORDERS[sort][2 if name.startswith("-") else 1])
    return text[:1].upper() + text[1:]


def droppable(base: str, query: Query) -> list[tuple[str, str]]:
    """Return every filter of a query in words, and the address without it."""
    search: dict[str, Any] = {"search": ""}
    found = [(quoted(query.search), search)] if query.search else []
    names = {"status": "state"}
    for each in filters(query, []):
        if each.chosen:
            text = _("%(filter)s: %(value)s", filter=each.label, value=each.words[each.chosen])
            found.append((text, {names.get(each.name, each.name): None}))
    return [(text, address(base, query, **without)) for text, without in found]


def headers(base: str, query: Query) -> list[Header]:
    """Return the headers of the columns after the checkbox; sortable ones are links."""
    by = {sort: _header(base, query, sort) for sort in ORDERS if ORDERS[sort][0]}
    return [
        *(Header(_("Account")), Header(_("Status")), by[Sort.EXPIRES], by[Sort.RECONNECT_BY]),
        *(Header(_("Permissions")), by[Sort.LAST_USED]),
    ]


def caption(query: Query, shown: int, total: int | None) -> str:
    """Return the caption of the table: how many rows of how many, in which order."""
    upward, downward = ORDERS[query.order][1:]
    order = _(downward if query.descending else upward)
    if total is None:
        return ngettext(
            "%(num)s connection, %(order)s", "%(num)s connections, %(order)s", shown, order=order
        )
    return ngettext(
        "%(shown)s of %(num)s connection, %(order)s",
        "%(shown)s of %(num)s connections, %(order)s",
        max(total, shown),
        shown=shown,
        order=order,
    )


def remarks(asked: ListRequest, page: Page, counts: Counts | None, now: datetime) -> list[str]:
    """Return the remarks about this page, as sentences."""
    found = []
    if asked.ignored:
        names = ", ".join(_(MORE) if name == MORE else name for name in asked.ignored)
        found.append(_("Ignored unknown or invalid filters: %(names)s.", names=names))
    if asked.query.search and not list_search.is_readable(asked.query.search):
        text = _(
            "We can't read this search, so it finds no one. Type up to 100 letters, digits or "
            "symbols."
        )
        found.append(text)
    forced = asked.query.forced
    if forced is not None:
        text = _(
            "The filter “%(filter)s” sets the order: %(order)s.",
            filter=_(FORCES[forced]),
            order=_(ORDERS[forced][2 if asked.query.descending else 1]),
        )
        found.append(text)
    if page.cut:
        text = _(
            "Only the first 500 people found by this search are included. Type more to "
            "narrow it down."
        )
        found.append(text)
    if counts is None:
        text = _("Still counting connections. Reload in a minute to see how many there are.")
        found.append(text)
    elif counts.counted_at is not None:
        found.append(_counted(max(int((now - counts.counted_at).total_seconds()), 0)))
    return found


def _counted(seconds: int) -> str:
    if seconds < 120:
        return ngettext("Counted %(num)s second ago.", "Counted %(num)s seconds ago.", seconds)
    minutes = seconds // 60
    return ngettext("Counted %(num)s minute ago.", "Counted %(num)s minutes ago.", minutes)


def _header(base: str, query: Query, sort: Sort) -> Header:
    label, direction = _(ORDERS[sort][0]), ""
    if query.order is sort:
        direction = "descending" if query.descending else "ascending"
    if query.forced is not None:
        return Header(label, "", direction)
    reverse = address(base, query, sort=sort, down=direction == "ascending")
    return Header(label, reverse, direction)


def _span(name: str) -> str:
    """Return a time span from an address as text: "6h" is "6 hours"."""
    return language.span(int(name[:-1]), {"h": "hour", "d": "day"}[name[-1]])
