"""Puts what happened to people's own connections into their words; reads no row itself.

No operator is named in it, no address, and nothing that only the trade understands.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.connect import scopes
from webapp.services.connect.disconnect import NOTHING_HELD
from webapp.services.records.history import TimelineEvent
from webapp.views.http.ending_texts import event_text

#: By the word of a happening, then by who did it; "" is anybody else.
_WORDS: dict[str, dict[str, str]] = {
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
        "person": N_("You refreshed access."),
        "operator": N_("An operator of this site refreshed access."),
        "service": N_("Access was refreshed for %(service)s."),
        "": N_("Access was refreshed in the background."),
    },
    "failed": {
        "person": N_("You tried to refresh access, but it didn't work."),
        "operator": N_("An operator of this site tried to refresh access, but it didn't work."),
        "service": N_("Access couldn't be refreshed for %(service)s."),
        "": N_("Access couldn't be refreshed in the background. We'll try again."),
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
#: What only the person can fix, and says why.
ENDED = ("needs_user", "connection.deauthorized")
#: What people have words for.
KNOWN = (*_WORDS, *ENDED)
#: A command was typed by somebody who runs this site.
_SAME = {"command": "operator"}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, ready for the page."""

    bad: bool
    text: str
    at: datetime
    #: What was allowed, in words.
    details: tuple[str, ...] = ()
    #: What the operators' timeline tells beside.
    ms: int | None = None
    log_id: str = ""


def lines(happenings: Sequence[TimelineEvent], ticket: str) -> list[Line]:
    """Return these happenings in the words of the person who has this ticket."""
    return [Line(it.word in ENDED, _text(it, ticket), it.at, _allowed(it)) for it in happenings]


def _text(it: TimelineEvent, ticket: str) -> str:
    if it.word in ENDED:
        return event_text(str(it.fields.get("reason") or ""))
    if it.word not in _WORDS:
        return _("Something else happened to your connection.")
    words = _WORDS[it.word]
    service = str(it.fields.get("service") or it.who.partition(":")[2])
    text = words.get(_case(it, ticket)) or words[""]
    return _(text, service=service)


def _case(it: TimelineEvent, ticket: str) -> str:
    """Return which of its wordings a happening has."""
    match it.word:
        case "connection.connected":
            return str(it.fields.get("kind"))
        case "connection.not_made":
            return str(it.fields.get("cause"))
        case "connection.revoked" if it.code == NOTHING_HELD:
            return "nothing_held"
        case "connection.revoked":
            return "confirmed" if it.fields.get("confirmed") else ""
        case "connection.tested":
            return "works" if it.fields.get("works") else ""
    if it.who == f"operator:{ticket}":
        # Operators have a connection of their own, too.
        return "person"
    kind = it.who.partition(":")[0]
    return _SAME.get(kind, kind)


def _allowed(it: TimelineEvent) -> tuple[str, ...]:
    if it.word != "connection.connected":
        return ()
    names = [name for name in str(it.fields.get("scopes") or "").split(",") if name]
    return tuple(scope.label for scope in scopes.described(names))
