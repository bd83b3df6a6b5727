"""All that the page of tokens shows, with the addresses it leads to; reads no row itself."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import url_for

from webapp.services.counting import Counts
from webapp.services.listing import Page
from webapp.services.phrasing import pairs
from webapp.services.wanted import Query
from webapp.views import tokens_page
from webapp.views.query import Asked, address, canonical


def context(
    asked: Asked, page: Page, counts: Counts | None, total: int | None, now: datetime
) -> dict[str, Any]:
    """Return all that the page shows but the filters. Needs a request, for its addresses.

    `total` is how many rows match; None: not known.
    """
    query, base = asked.query, url_for("operators.tokens")
    everything = asked.everything and bool(page.rows) and not page.cut
    select_all = _all_that_match(base, query, page, total)
    return {
        "query": query,
        "rows": page.rows,
        "everything": everything,
        "picked": _everyone(total) if everything else "selected",
        "select_all": select_all,
        "nobody": not (page.rows or query.is_filtered or query.after or query.before)
        and not (counts and counts.total),
        "tiles": tokens_page.tiles(base, query, counts),
        "headers": tokens_page.headers(base, query),
        "caption": tokens_page.caption(query, len(page.rows), total),
        "remarks": tokens_page.remarks(asked, page, counts, now),
        "links": links(base, query, page),
    }


def links(base: str, query: Query, page: Page) -> dict[str, Any]:
    """Return the addresses of the neighbours and of what can be done; empty: there is none."""
    files = address("", query)
    return {
        "previous": address(base, query, before=page.previous) if page.previous else "",
        "next": address(base, query, after=page.next) if page.next else "",
        "first": address(base, query) if query.after or query.before else "",
        "here": address(base, query, after=query.after, before=query.before),
        "unfiltered": base,
        "csv": f"{base}.csv{files}",
        "json": f"{base}.json{files}",
        "refresh": f"{base}/refresh",
        "disconnect": f"{base}/disconnect",
        "one": lambda open_id: f"{base}/{quote(open_id, safe='')}",
        "query": canonical(query),
        "sort": dict(pairs(query)).get("sort", ""),
        "start": url_for("home.index"),
        "connect": url_for("connect.choose"),
        "setup": f"{base.removesuffix('tokens')}setup",
    }


def _all_that_match(
    base: str, query: Query, page: Page, total: int | None
) -> tuple[str, str] | None:
    """Return the words and the address of selecting all that match; None if that is the page."""
    if page.cut or not page.rows or not (page.next or page.previous):
        return None
    return _everyone(total), address(base, query, everything=True)


def _everyone(total: int | None) -> str:
    return "all that match" if total is None else f"all {total:,} that match"
