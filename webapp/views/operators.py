"""What operators see; never a token, only its fingerprint."""

from flask import Blueprint, abort, render_template, request

from webapp.services import directory
from webapp.views.guards import operator
from webapp.views.house import house

operators = Blueprint("operators", __name__, url_prefix="/operators")


@operators.get("/tokens")
@operator
def tokens() -> str:
    """List the connections, a page at a time."""
    ours = house()
    page = directory.page(ours, ours.clock(), after=_key("after"), before=_key("before"))
    return render_template(
        "operators/tokens.html",
        rows=page.rows,
        total=page.total,
        next_key=page.next_key,
        previous_key=page.previous_key,
    )


def _key(name: str) -> int | None:
    text = request.args.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        return abort(404)
    return int(text)
