"""The audit page and its CSV export."""

from collections.abc import Iterator
from datetime import UTC
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Response,
    redirect,
    render_template,
    stream_with_context,
    url_for,
)
from werkzeug.wrappers import Response as Answer

from webapp.services import authority
from webapp.services.authority import SignInTooOld
from webapp.services.operators import audit_search, bulk, export
from webapp.services.operators.audit_search import AuditQuery, Page
from webapp.services.records import audit
from webapp.views.http.guards import at_most, cut_off, operator
from webapp.views.http.runtime import runtime
from webapp.views.http.signing_in import step_up
from webapp.views.operators import audit_texts
from webapp.views.operators.audit_filters import (
    FILTERS,
    AuditRequest,
    audit_request,
    key_text,
    quick_dates,
)
from webapp.views.operators.audit_sentences import title
from webapp.views.operators.audit_texts import ShownEvent, shown_event

blueprint = Blueprint("audit", __name__, url_prefix="/operators")

_COLUMNS = ("at", "actor_kind", "actor", "event", "ticket", "fields", "address", "reference")


@blueprint.get("/audit")
@operator
def index() -> str:
    """Show a page of events, newest first."""
    asked = audit_request()
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
        typed=dict.fromkeys(FILTERS, "") | asked.typed,
        filters=asked.typed,
        nobody=asked.wanted is None,
        matches=asked.matches,
        unreadable=asked.unreadable,
        quick=quick_dates(asked.typed, runtime().clock()),
        backwards=_is_backwards(asked.wanted),
        events={event: title(event) for event in sorted(audit.EVENTS, key=title)},
        days=runtime().settings.audit_days,
        window=audit_search.WINDOW,
    )


@blueprint.get("/audit.csv", endpoint="csv")
@operator
@at_most("10 per minute")
def as_csv() -> Answer:
    """Return all matching events as a file; the export is recorded before its first byte."""
    asked = audit_request()
    if asked.ignored or asked.matches:
        # Unlike a file, the page can say which parameters were ignored, of which it needs only the
        # names, and let one of several people be chosen.
        query = urlencode(asked.typed | dict.fromkeys(asked.ignored, "?"))
        return redirect(f"{url_for('audit.index')}?{query}", 303)
    try:
        audit_search.record_export(runtime(), asked.query)
    except SignInTooOld:
        return step_up.sign_in_again("audit", urlencode(asked.typed))
    lines = cut_off(authority.while_allowed(_lines(asked)))
    response = Response(stream_with_context(lines), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response


def _rows(page: Page) -> list[ShownEvent]:
    tickets = {event.ticket for event in page.events if event.ticket}
    tickets |= {e.actor for e in page.events if e.actor_kind in ("person", "operator")}
    ordered = {job for event in page.events if (job := audit_texts.job_of(event))}
    jobs = bulk.orderers(runtime(), sorted(ordered))
    people = audit_search.people_of(runtime(), tickets | set(filter(None, jobs.values())))
    return [shown_event(event, people, jobs) for event in page.events]


def _is_backwards(wanted: AuditQuery | None) -> bool:
    if wanted is None or wanted.since is None or wanted.until is None:
        return False
    return wanted.since >= wanted.until


def _lines(asked: AuditRequest) -> Iterator[str]:
    yield export.csv_line(_COLUMNS)
    if asked.wanted is None:
        return
    for batch in audit_search.all_events(asked.wanted):
        yield "".join(
            export.csv_line(
                (
                    event.at.astimezone(UTC).isoformat(timespec="seconds"),
                    *(getattr(event, name) for name in _COLUMNS[1:]),
                )
            )
            for event in batch
        )
