"""All that the page of tokens shows, with the addresses it leads to; reads no row itself."""

from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import url_for

from webapp.language import gettext as _
from webapp.language import ngettext
from webapp.services.operators.counts import Counts
from webapp.services.operators.list_pages import Page
from webapp.services.operators.list_query import Query, query_pairs
from webapp.views.operators import tokens_page
from webapp.views.operators.query import Asked, address, canonical


def context(
    asked: Asked, page: Page, counts: Counts | None, total: int | None, now: datetime
) -> dict[str, Any]:
    """Return all that the page shows but the filters. Needs a request, for its addresses.

    `total` is how many rows match; None: not known.
    """
    query, base = asked.query, url_for("operators.tokens")
    everything = asked.everything and bool(page.rows) and not page.cut
    return {
        "query": query,
        "rows": page.rows,
        "everything": everything,
        "picked": _matching(total) if everything else _ticked(),
        "select_all": _all_that_match(base, query, page),
        "select_words": _select(total),
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
        "sort": dict(query_pairs(query)).get("sort", ""),
        "start": url_for("home.index"),
        "connect": url_for("connect.choose"),
        "setup": f"{base.removesuffix('tokens')}setup",
    }


def _all_that_match(base: str, query: Query, page: Page) -> str:
    """Return the address of selecting all that match; empty if that is the page."""
    if page.cut or not page.rows or not (page.next or page.previous):
        return ""
    return address(base, query, everything=True)


def _select(total: int | None) -> str:
    if total is None:
        return _("Select all that match")
    return ngettext("Select all %(num)s that match", "Select all %(num)s that match", total)


def _ticked() -> dict[str, str]:
    return {"refresh": _("Refresh selected"), "disconnect": _("Disconnect selected…")}


def _matching(total: int | None) -> dict[str, str]:
    """Return what the buttons say where all that match are selected."""
    if total is None:
        return {
            "refresh": _("Refresh all that match"),
            "disconnect": _("Disconnect all that match…"),
        }
    return {
        "refresh": ngettext(
            "Refresh all %(num)s that match", "Refresh all %(num)s that match", total
        ),
        "disconnect": ngettext(
            "Disconnect all %(num)s that match…", "Disconnect all %(num)s that match…", total
        ),
    }
