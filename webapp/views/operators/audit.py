"""What operators see of who did what: a page, and the same as a file; never changes an event."""

from collections.abc import Iterator
from datetime import UTC

from flask import Blueprint, Response, render_template, stream_with_context

from webapp.services import authority
from webapp.services.operators import audit_search, export
from webapp.services.operators.audit_search import AuditQuery, Page
from webapp.services.records import audit
from webapp.views.http.guards import at_most, cut_off, operator
from webapp.views.http.house import house
from webapp.views.operators import audit_asking
from webapp.views.operators.audit_asking import Asked, key_text
from webapp.views.operators.audit_words import Shown, shown

blueprint = Blueprint("audit", __name__, url_prefix="/operators")

_HEAD = ("at", "actor_kind", "actor", "event", "ticket", "fields", "address", "reference")


@blueprint.get("/audit")
@operator
def index() -> str:
    """Show a page of events, newest first."""
    asked = audit_asking.asked()
    page = Page([], None, None)
    if asked.wanted is not None:
        page = audit_search.audit_page(asked.wanted, before=asked.before, after=asked.after)
    return render_template(
        "operators/audit.html",
        rows=_rows(page),
        older=key_text(page.older),
        newer=key_text(page.newer),
        looked_to=page.looked_to,
        ignored=asked.ignored,
        typed=dict.fromkeys(audit_asking.FILTERS, "") | asked.typed,
        filters=asked.typed,
        nobody=asked.wanted is None,
        backwards=_is_backwards(asked.wanted),
        events=sorted(audit.EVENTS),
        days=house().settings.audit_days,
        window=audit_search.WINDOW,
    )


@blueprint.get("/audit.csv", endpoint="csv")
@operator
@at_most("10 per minute")
def as_csv() -> Response:
    """Give all events that match as a file, written down before its first byte."""
    asked = audit_asking.asked()
    audit_search.record_export(house(), asked.query)
    lines = cut_off(authority.while_allowed(_lines(asked)))
    response = Response(stream_with_context(lines), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response


def _rows(page: Page) -> list[Shown]:
    tickets = {event.ticket for event in page.events if event.ticket}
    tickets |= {e.actor for e in page.events if e.actor_kind in ("person", "operator")}
    people = audit_search.people_of(house(), tickets)
    return [shown(event, people) for event in page.events]


def _is_backwards(wanted: AuditQuery | None) -> bool:
    if wanted is None or wanted.since is None or wanted.until is None:
        return False
    return wanted.since >= wanted.until


def _lines(asked: Asked) -> Iterator[str]:
    yield export.csv_line(_HEAD)
    if asked.wanted is None:
        return
    for batch in audit_search.all_events(asked.wanted):
        yield "".join(
            export.csv_line(
                (
                    event.at.astimezone(UTC).isoformat(timespec="seconds"),
                    *(getattr(event, name) for name in _HEAD[1:]),
                )
            )
            for event in batch
        )
