"""Parses the filters of the audit page; parameters that can't be read are ignored and named."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from flask import request

from webapp.actor import KINDS
from webapp.language import N_, ngettext
from webapp.language import gettext as _
from webapp.services.operators.audit_search import (
    AuditQuery,
    Key,
    Match,
    is_actor,
    people_named,
)
from webapp.services.people import clean_name, find_by_open_id
from webapp.services.records.audit import EVENTS
from webapp.views.http.runtime import runtime
from webapp.views.operators.audit_texts import NAMELESS

FILTERS = ("from", "to", "who", "what", "on", "ref")
#: What is typed freely, and its label.
_FREE = {"who": N_("Who"), "on": N_("On"), "ref": N_("Reference")}
_MAX_LENGTH = 200
_TICKET = re.compile(r"ct_[0-9A-Z]{4}-[0-9A-Z]{4}")
#: A ticket, a kind of actor or a request ID: all else that can be typed may be a person's name.
_NAMELESS = re.compile(rf"{_TICKET.pattern}|{'|'.join(KINDS)}|[0-9a-f]{{12}}")
_KEY = re.compile(r"([0-9]{1,17})-([0-9]{1,18})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass
class AuditRequest:
    """The filters and the position that a request asks for."""

    #: Filter → text, as typed, of those that could be read.
    typed: dict[str, str] = field(default_factory=dict)
    before: Key | None = None
    after: Key | None = None
    #: Names of the parameters that were ignored.
    ignored: list[str] = field(default_factory=list)
    #: None: `who` or `on` names nobody, or several people.
    wanted: AuditQuery | None = None
    #: Filter → the people whom its text may mean, if there are several.
    matches: dict[str, list[Match]] = field(default_factory=dict)
    #: What is wrong with each filter that can't be read.
    unreadable: list[str] = field(default_factory=list)

    @property
    def query(self) -> str:
        """Return the filters for an audit event: without what may be the name of a person.

        Events are never changed, so a name in one would outlive the account of its person. A ticket
        identifies nobody then.
        """
        wanted = self.wanted or AuditQuery()
        free = {"who": wanted.who, "on": wanted.on, "ref": wanted.reference}
        shown = {name: text if _NAMELESS.fullmatch(text) else "*" for name, text in free.items()}
        return urlencode(self.typed | {n: shown[n] for n in free if n in self.typed}, safe="*")


def audit_request() -> AuditRequest:
    """Return what this request asks for."""
    asked = AuditRequest()
    for name in request.args:
        text = request.args[name].strip()
        if not _read_filter(asked, name, text):
            asked.ignored.append(_printable(name))
    asked.wanted = _query_of(asked)
    return asked


def quick_dates(typed: dict[str, str], now: datetime) -> list[tuple[str, dict[str, str], bool]]:
    """Return links for the last days: text, filters, and whether these are the present dates."""
    others = {name: text for name, text in typed.items() if name not in ("from", "to")}
    present = {name: text for name, text in typed.items() if name in ("from", "to")}
    spans = ((N_("Today"), 0), (N_("Last 7 days"), 6), (N_("Last 30 days"), 29))
    found = []
    for text, days in spans:
        dates = {"from": f"{now - timedelta(days=days):%Y-%m-%d}"}
        found.append((_(text), others | dates, present == dates))
    return found


def key_text(key: Key | None) -> str | None:
    """Return a key as text for an address."""
    return f"{(key.at - _EPOCH) // _MICROSECOND}-{max(key.id, 0)}" if key is not None else None


def _read_filter(asked: AuditRequest, name: str, text: str) -> bool:
    """Add one parameter to `asked`; return False if it is unknown or can't be read."""
    if name in FILTERS:
        if name in _FREE:
            # What can't be read is kept: it finds nothing. Without it, the page would show all.
            text = clean_name(text) or text
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
    return True


def _query_of(asked: AuditRequest) -> AuditQuery | None:
    typed = asked.typed
    asked.unreadable = [
        why for name in _FREE if (why := _unreadable(name, typed.get(name, ""))) is not None
    ]
    if asked.unreadable:
        return None
    since, last = _day(typed.get("from", "")), _day(typed.get("to", ""))
    who, on = _who(asked), _on(asked)
    if who is None or on is None:
        return None
    return AuditQuery(
        since=since,
        until=last + timedelta(days=1) if last else None,
        who=who,
        what=typed.get("what", ""),
        on=on,
        reference=typed.get("ref", ""),
    )


def _unreadable(name: str, text: str) -> str | None:
    """Return what is wrong with a filter that is typed freely; None if it can be read."""
    label = _(_FREE[name])
    if len(text) > _MAX_LENGTH:
        return ngettext(
            "“%(filter)s” has more than %(num)s character. Shorten it.",
            "“%(filter)s” has more than %(num)s characters. Shorten it.",
            _MAX_LENGTH,
            filter=label,
        )
    if text and clean_name(text) is None:
        return _("“%(filter)s” has no visible character. Type it again.", filter=label)
    return None


def _who(asked: AuditRequest) -> str | None:
    """Return the actor that "Who" names, also in the words of the column; None: several people."""
    text = asked.typed.get("who", "")
    kinds = {_(word): kind for kind, word in NAMELESS.items()}
    text = _ticket(kinds.get(text, _without_role(text)))
    if not text or text in KINDS or _TICKET.fullmatch(text):
        return text
    if person := find_by_open_id(runtime(), text):
        return person.ticket
    # A key or a command of this name; otherwise people.
    return text if is_actor(text) else _chosen(asked, "who", text, otherwise=text)


def _on(asked: AuditRequest) -> str | None:
    """Return the ticket of whom "On" names; None: nobody, or several people."""
    text = _ticket(_without_role(asked.typed.get("on", "")))
    if not text or _TICKET.fullmatch(text):
        return text
    person = find_by_open_id(runtime(), text)
    return person.ticket if person else _chosen(asked, "on", text, otherwise=None)


def _chosen(asked: AuditRequest, name: str, text: str, *, otherwise: str | None) -> str | None:
    """Return the ticket of the one person of this name; `otherwise` if there is none."""
    found = people_named(runtime(), text)
    if len(found) > 1:
        asked.matches[name] = found
        return None
    return found[0].ticket if found else otherwise


def _without_role(text: str) -> str:
    """Return a name without what the column prints before it: "operator Mara" is "Mara"."""
    for role in (
        *(_("operator %(name)s", name=""), _("key %(name)s", name="")),
        *(_("command %(name)s", name=""), _("Deleted person %(ticket)s", ticket="")),
    ):
        if text.startswith(role) and text != role:
            return text.removeprefix(role)
    return text


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
