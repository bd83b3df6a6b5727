"""The operators' list as a file, in the filters of its address; decides nothing."""

from urllib.parse import urlencode

from flask import Blueprint, Response, redirect, request, stream_with_context, url_for
from werkzeug.wrappers import Response as Answer

from webapp.services.operators import export
from webapp.views.http.guards import cut_off, operator
from webapp.views.http.house import house
from webapp.views.operators import query

blueprint = Blueprint("export", __name__, url_prefix="/operators")

_KINDS = {"csv": "text/csv", "json": "application/json"}


@blueprint.get("/tokens.csv")
@operator
def tokens_csv() -> Answer:
    """Give the rows as CSV."""
    return _file("csv")


@blueprint.get("/tokens.json")
@operator
def tokens_json() -> Answer:
    """Give the rows as one JSON array."""
    return _file("json")


def _file(kind: export.Format) -> Answer:
    asked = query.parse(request.args)
    if asked.ignored:
        # A file cannot say that it holds more than was asked for; the page can, by the names alone.
        same = [query.canonical(asked.query), urlencode(dict.fromkeys(asked.ignored, "?"))]
        return redirect(f"{url_for('operators.tokens')}?{'&'.join(filter(None, same))}", 303)
    ours = house()
    now = ours.clock()
    export.record_export(ours, asked.query, kind, now)
    pieces = export.pieces(ours, asked.query, kind, now)
    response = Response(stream_with_context(cut_off(pieces)), mimetype=_KINDS[kind])
    name = f"connections-{now:%Y-%m-%d}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
