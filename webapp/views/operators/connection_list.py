"""The operators' list of connections; never a token."""

from datetime import datetime

from flask import Blueprint, render_template, request

from webapp.services.house import House
from webapp.services.operators import counts, list_pages
from webapp.services.operators.counts import Counts
from webapp.services.operators.list_pages import Page
from webapp.views.http.guards import operator
from webapp.views.http.house import house
from webapp.views.operators import query, tokens_context, tokens_page
from webapp.views.operators.query import Asked

blueprint = Blueprint("operators", __name__, url_prefix="/operators")


@blueprint.get("/tokens")
@operator
def tokens() -> str:
    """List the connections that the address asks for, a page at a time."""
    ours, asked = house(), query.parse(request.args)
    now = ours.clock()
    page = list_pages.list_page(ours, asked.query, now)
    counted = counts.current_counts(ours, now)
    total = _total(ours, asked, page, counted, now)
    scopes = counted.scopes if counted else sorted(ours.settings.tiktok_scopes)
    context = tokens_context.context(asked, page, counted, total, now)
    filters = tokens_page.filters(asked.query, scopes)
    return render_template("operators/tokens.html", filters=filters, **context)


def _total(
    ours: House, asked: Asked, page: Page, counts: Counts | None, now: datetime
) -> int | None:
    """Return how many rows match, as far as it can be told without looking at them all."""
    if asked.query.search:
        return list_pages.count_matching(ours, asked.query, now, most=list_pages.MAX_FOUND)
    if page.next is None and page.previous is None:
        return len(page.rows)
    return counts.matching(asked.query) if counts else None
