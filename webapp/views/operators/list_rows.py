"""The rows of the page of connections: texts made here, because templates take much longer."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import url_for

from webapp.language import gettext as _
from webapp.language import number
from webapp.services.operators.list_pages import Row
from webapp.services.operators.list_query import State
from webapp.views.http.ending_texts import ending
from webapp.views.http.template_filters import Tag, display_name, state_tag, when

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Line:
    """One connection as the page shows it."""

    #: The label of its checkbox.
    label: str
    open_id: str
    address: str
    name: str
    tag: Tag
    #: Of a connection that is retried: how often it has failed, and the next time or "".
    attempts: int | None
    #: Why it ended, or "".
    because: str
    error: str
    expires: str
    reconnect_by: str
    #: `reconnect_by` is soon.
    is_ending: bool
    permissions: str
    refreshes: str
    #: None: never.
    last_used: str | None
    #: Empty if there is none.
    next: str


def lines(rows: Sequence[Row], now: datetime) -> list[Line]:
    """Return the rows as texts in the current language. Needs a request context."""
    tags = {state: state_tag(state) for state in State}
    reasons = {row.user.reason for row in rows}
    because = {reason: ending(reason).because if reason else "" for reason in reasons}
    return [_line(row, tags[row.state], because[row.user.reason], now) for row in rows]


def _line(row: Row, tag: Tag, because: str, now: datetime) -> Line:
    user, name = row.user, display_name(row.user.display_name)
    failing = row.state is State.FAILING
    over = row.state in (State.RECONNECT, State.REVOKED)
    asked = user.asked
    return Line(
        label=_("Select %(name)s, %(open_id)s", name=name, open_id=user.open_id),
        open_id=user.open_id,
        address=url_for("connection.show", open_id=user.open_id),
        name=name,
        tag=tag,
        attempts=user.failures if failing else None,
        because="" if failing else because,
        error=user.last_error or "",
        expires=NOTHING if over else when(user.access_expires_at, now),
        reconnect_by=NOTHING if over else when(user.refresh_expires_at, now, by_day=True),
        is_ending=row.grant_ending and not over,
        permissions=NOTHING
        if over
        else _("%(granted)s of %(asked)s", granted=len(user.granted & asked), asked=len(asked)),
        refreshes=number(user.refreshes),
        last_used=when(user.last_used_at, now) if user.last_used_at else None,
        next=when(user.next_at, now) if user.next_at and not over else "",
    )
