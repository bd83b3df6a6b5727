"""The operators' list of connections; never a token."""

from datetime import datetime

from flask import Blueprint, render_template, request

from webapp.services.house import House
from webapp.services.operators import headcount, listing, searching
from webapp.services.operators.counting import Counts
from webapp.services.operators.listing import Page
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
    page = listing.page(ours, asked.query, now)
    counts = headcount.counts(ours, now)
    total = _total(ours, asked, page, counts, now)
    scopes = counts.scopes if counts else sorted(ours.settings.tiktok_scopes)
    context = tokens_context.context(asked, page, counts, total, now)
    filters = tokens_page.filters(asked.query, scopes)
    return render_template("operators/tokens.html", filters=filters, **context)


def _total(
    ours: House, asked: Asked, page: Page, counts: Counts | None, now: datetime
) -> int | None:
    """Return how many rows match, as far as it can be told without looking at them all."""
    if asked.query.search:
        return listing.how_many(ours, asked.query, now, most=searching.MOST)
    if page.next is None and page.previous is None:
        return len(page.rows)
    return counts.matching(asked.query) if counts else None
