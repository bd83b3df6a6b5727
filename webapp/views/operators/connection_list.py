"""The operators' list of connections, as a page and as a file."""

from datetime import datetime
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)
from werkzeug.wrappers import Response as Answer

from webapp.services.authority import SignInTooOld
from webapp.services.operators import counts, export, list_pages, list_query, list_search
from webapp.services.operators.counts import Counts
from webapp.services.operators.list_pages import Page
from webapp.views.http.guards import cut_off, operator
from webapp.views.http.runtime import runtime
from webapp.views.http.signing_in import step_up
from webapp.views.operators import list_address, list_page
from webapp.views.operators.list_address import ListRequest

blueprint = Blueprint("operators", __name__, url_prefix="/operators")

_MIMETYPES = {"csv": "text/csv", "json": "application/json"}


@blueprint.get("")
@operator
def index() -> Answer:
    """Redirect to the list."""
    return redirect(url_for("operators.tokens"), 303)


@blueprint.get("/tokens")
@operator
def tokens() -> str:
    """List the connections that match the address, a page at a time."""
    asked = list_address.parse(request.args)
    now = runtime().clock()
    page = list_pages.list_page(runtime(), asked.query, now)
    counted = counts.current_counts(runtime(), now, by_time=False)
    total = _total(asked, page, counted, now)
    scopes = counted.scopes if counted else sorted(runtime().settings.tiktok_scopes)
    context = list_page.context(asked, page, counted, total, now)
    filters = list_page.filters(asked.query, scopes)
    return render_template("operators/tokens.html", filters=filters, **context)


@blueprint.get("/tokens.csv")
@operator
def tokens_csv() -> Answer:
    """Return the rows as CSV."""
    return _file("csv")


@blueprint.get("/tokens.json")
@operator
def tokens_json() -> Answer:
    """Return the rows as one JSON array."""
    return _file("json")


def _file(kind: export.Format) -> Answer:
    asked = list_address.parse(request.args)
    if asked.ignored:
        # Unlike a file, the page can say which parameters were ignored; it needs only their names.
        params = [
            list_query.query_string(asked.query),
            urlencode(dict.fromkeys(asked.ignored, "?")),
        ]
        return redirect(f"{url_for('operators.tokens')}?{'&'.join(filter(None, params))}", 303)
    now = runtime().clock()
    try:
        export.record_export(asked.query, kind, now)
    except SignInTooOld:
        return step_up.sign_in_again("list", list_query.query_string(asked.query))
    pieces = export.pieces(runtime(), asked.query, kind, now)
    response = Response(stream_with_context(cut_off(pieces)), mimetype=_MIMETYPES[kind])
    name = f"connections-{now:%Y-%m-%d}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _total(asked: ListRequest, page: Page, counted: Counts | None, now: datetime) -> int | None:
    """Return how many rows match; None if only reading all of them would tell."""
    if asked.query.search:
        return list_pages.count_matching(runtime(), asked.query, now, limit=list_search.MAX_FOUND)
    if page.next is None and page.previous is None:
        return len(page.rows)
    return counted.matching(asked.query) if counted else None
