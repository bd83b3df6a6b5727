"""Texts for a person's own activity.

They name no operator and no IP address, and use no technical terms.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.connect import scopes
from webapp.services.connect.disconnect import NOTHING_HELD
from webapp.services.records.history import TimelineEvent
from webapp.views.http.ending_texts import event_text

#: Event → case → text; the case "" covers all others.
_TEXTS: dict[str, dict[str, str]] = {
    "connection.connected": {
        "again": N_("You connected TikTok again."),
        "returned": N_("You signed in with TikTok."),
        "": N_("You connected TikTok."),
    },
    "connection.not_made": {
        "denied": N_("You went to TikTok and chose not to connect."),
        "": N_("You went to TikTok, but connecting didn't work."),
    },
    "refreshed": {
        "person": N_("You renewed access."),
        "operator": N_("An operator of this site renewed access."),
        "service": N_("Access was renewed for %(service)s."),
        "": N_("Access was renewed in the background."),
    },
    "failed": {
        "person": N_("You tried to renew access, but it didn't work."),
        "operator": N_("An operator of this site tried to renew access, but it didn't work."),
        "service": N_("Access couldn't be renewed for %(service)s."),
        "": N_("Access couldn't be renewed in the background. We'll try again."),
    },
    "handed_out": {"": N_("%(service)s got access.")},
    "connection.disconnect_ordered": {
        "person": N_("You asked us to disconnect TikTok."),
        "": N_("An operator of this site disconnected TikTok."),
    },
    "connection.revoked": {
        "confirmed": N_("Disconnected. TikTok confirmed it."),
        "nothing_held": N_("Disconnected. There was no access left to remove."),
        "": N_("Disconnected here. TikTok didn't confirm it."),
    },
    "connection.tested": {
        "works": N_("An operator of this site tested access: it works."),
        "": N_("An operator of this site tested access: it didn't work."),
    },
    "operator.added": {"": N_("You became an operator of this site.")},
    "operator.removed": {"": N_("You are no longer an operator of this site.")},
    "account.exported": {"": N_("You downloaded your data.")},
    "account.signed_out_one": {"": N_("You signed out one device.")},
    "account.signed_out_others": {"": N_("You signed out all other devices.")},
    "account.signed_out_everywhere": {"": N_("You signed out everywhere.")},
}
#: Events after which only the person can fix the connection; their text says why.
ENDED = ("needs_user", "connection.deauthorized")
#: Events that have a text.
KNOWN = (*_TEXTS, *ENDED)


@dataclass(frozen=True, slots=True)
class Line:
    """One event, or several in a row that read the same, ready for the page."""

    bad: bool
    text: str
    #: When it happened; the last one, if there are several.
    at: datetime
    #: The permissions that were allowed.
    details: tuple[str, ...] = ()
    count: int = 1
    #: When the first of several happened.
    first_at: datetime | None = None


def lines(events: Sequence[TimelineEvent], ticket: str) -> list[Line]:
    """Return the lines of these events, newest first, for the person with this ticket.

    Events in a row that read the same make one line.
    """
    found = [
        Line(event.word in ENDED, _text(event, ticket), event.at, _allowed(event))
        for event in events
    ]
    return [
        _joined(list(alike))
        for _same, alike in groupby(found, lambda line: (line.bad, line.text, line.details))
    ]


def _joined(alike: Sequence[Line]) -> Line:
    if len(alike) == 1:
        return alike[0]
    return replace(alike[0], count=len(alike), first_at=alike[-1].at)


def _text(event: TimelineEvent, ticket: str) -> str:
    if event.word in ENDED:
        return event_text(str(event.fields.get("reason") or ""))
    if event.word not in _TEXTS:
        return _("Something else happened to your connection.")
    texts = _TEXTS[event.word]
    service = str(event.fields.get("service") or event.who.partition(":")[2])
    text = texts.get(_case(event, ticket)) or texts[""]
    return _(text, service=service)


def _case(event: TimelineEvent, ticket: str) -> str:
    """Return the case that selects an event's text in _TEXTS."""
    match event.word:
        case "connection.connected":
            return str(event.fields.get("kind"))
        case "connection.not_made":
            return str(event.fields.get("cause"))
        case "connection.revoked" if event.code == NOTHING_HELD:
            return "nothing_held"
        case "connection.revoked":
            return "confirmed" if event.fields.get("confirmed") else ""
        case "connection.tested":
            return "works" if event.fields.get("works") else ""
    if event.who == f"operator:{ticket}":
        # The operator is the person themselves.
        return "person"
    kind = event.who.partition(":")[0]
    # Commands are run by the people who operate this site.
    return "operator" if kind == "command" else kind


def _allowed(event: TimelineEvent) -> tuple[str, ...]:
    if event.word != "connection.connected":
        return ()
    names = [name for name in str(event.fields.get("scopes") or "").split(",") if name]
    return tuple(scope.label for scope in scopes.described(names))
