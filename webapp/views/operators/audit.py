"""The audit page and its CSV export; parameters that can't be read are ignored and named."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
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

from webapp.services import authority
from webapp.services.operators import audit_search, export
from webapp.services.operators.audit_search import AuditQuery, Key, Page
from webapp.services.records import audit
from webapp.services.records.audit import EVENTS
from webapp.views.http.guards import at_most, cut_off, operator
from webapp.views.http.runtime import runtime
from webapp.views.operators.audit_texts import ShownEvent, shown_event

blueprint = Blueprint("audit", __name__, url_prefix="/operators")

FILTERS = ("from", "to", "who", "what", "on", "ref")
_MAX_LENGTH = 200
_TICKET = re.compile(r"ct_[0-9A-Z]{4}-[0-9A-Z]{4}")
_KEY = re.compile(r"([0-9]{1,17})-([0-9]{1,18})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_COLUMNS = ("at", "actor_kind", "actor", "event", "ticket", "fields", "address", "reference")


@dataclass
class AuditRequest:
    """The filters and the position that a request asks for."""

    #: Filter → text, as typed, of those that could be read.
    typed: dict[str, str] = field(default_factory=dict)
    before: Key | None = None
    after: Key | None = None
    #: Names of the parameters that were ignored.
    ignored: list[str] = field(default_factory=list)
    #: None: `on` names nobody.
    wanted: AuditQuery | None = None

    @property
    def query(self) -> str:
        """Return the filters for an audit event, with tickets, which outlive deleted people."""
        wanted = self.wanted or AuditQuery()
        tickets = {"who": wanted.who, "on": wanted.on}
        found = self.typed | {name: value for name, value in tickets.items() if value}
        if self.wanted is None:
            # Nobody now, but it may be the name of someone who has left or will come.
            found["on"] = "*"
        return urlencode(found, safe="*")


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
        backwards=_is_backwards(asked.wanted),
        events=sorted(audit.EVENTS),
        days=runtime().settings.audit_days,
        window=audit_search.WINDOW,
    )


@blueprint.get("/audit.csv", endpoint="csv")
@operator
@at_most("10 per minute")
def as_csv() -> Answer:
    """Return all matching events as a file; the export is recorded before its first byte."""
    asked = audit_request()
    if asked.ignored:
        # Unlike a file, the page can say which parameters were ignored; it needs only their names.
        query = urlencode(asked.typed | dict.fromkeys(asked.ignored, "?"))
        return redirect(f"{url_for('audit.index')}?{query}", 303)
    audit_search.record_export(runtime(), asked.query)
    lines = cut_off(authority.while_allowed(_lines(asked)))
    response = Response(stream_with_context(lines), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="audit.csv"'
    return response


def _rows(page: Page) -> list[ShownEvent]:
    tickets = {event.ticket for event in page.events if event.ticket}
    tickets |= {e.actor for e in page.events if e.actor_kind in ("person", "operator")}
    people = audit_search.people_of(runtime(), tickets)
    return [shown_event(event, people) for event in page.events]


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


def audit_request() -> AuditRequest:
    """Return what this request asks for."""
    asked = AuditRequest()
    for name in request.args:
        text = request.args[name].strip()
        if not _read_filter(asked, name, text):
            asked.ignored.append(_printable(name))
    asked.wanted = _query_of(asked.typed)
    return asked


def key_text(key: Key | None) -> str | None:
    """Return a key as text for an address."""
    return f"{(key.at - _EPOCH) // _MICROSECOND}-{max(key.id, 0)}" if key is not None else None


def _read_filter(asked: AuditRequest, name: str, text: str) -> bool:
    """Add one parameter to `asked`; return False if it is unknown or can't be read."""
    if name in FILTERS:
        if text and not _is_valid(name, text):
            return False
        if text:
            asked.typed[name] = text
        return True
    key = _key(text) if name in ("before", "after") else None
    if key is None:
        return False
    if name == "before":
        asked.before = key
    else:
        asked.after = key
    return True


def _is_valid(name: str, text: str) -> bool:
    if name in ("from", "to"):
        return _day(text) is not None
    if name == "what":
        return text in EVENTS
    return len(text) <= _MAX_LENGTH and text.isprintable()


def _query_of(typed: dict[str, str]) -> AuditQuery | None:
    since, last = _day(typed.get("from", "")), _day(typed.get("to", ""))
    who, on = _ticket(typed.get("who", "")), _ticket(typed.get("on", ""))
    if on and not _TICKET.fullmatch(on):
        found = audit_search.ticket_of(runtime(), on)
        if found is None:
            return None
        on = found
    if who:
        who = audit_search.ticket_of(runtime(), who) or who
    return AuditQuery(
        since=since,
        until=last + timedelta(days=1) if last else None,
        who=who,
        what=typed.get("what", ""),
        on=on,
        reference=typed.get("ref", ""),
    )


def _ticket(text: str) -> str:
    """Return a ticket in the case in which it is stored; other texts as they are."""
    ticket = f"ct_{text[3:].upper()}"
    return ticket if _TICKET.fullmatch(ticket) and text[:3].casefold() == "ct_" else text


def _day(text: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # Nothing happened earlier, and one more day must still be a valid date.
    if not 1970 <= day.year <= 9000:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _key(text: str) -> Key | None:
    found = _KEY.fullmatch(text)
    if found is None or not text.isascii():
        return None
    return Key(_EPOCH + int(found[1]) * _MICROSECOND, int(found[2]))


def _printable(name: str) -> str:
    return "".join(c for c in name if c.isprintable())[:40] or "?"
