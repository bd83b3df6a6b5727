"""Reads what the audit page is asked for; what it cannot read it leaves out, and says so."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from flask import request

from webapp.services.operators import audit_search
from webapp.services.operators.audit_search import AuditQuery, Key
from webapp.services.records.audit import EVENTS
from webapp.views.http.house import house

FILTERS = ("from", "to", "who", "what", "on", "ref")
_LONGEST = 200
_TICKET = re.compile(r"ct_[0-9A-Z]{4}-[0-9A-Z]{4}")
_KEY = re.compile(r"([0-9]{1,17})-([0-9]{1,18})")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass
class Asked:
    """What a request asks for."""

    #: What was typed, by filter, as far as it could be read.
    typed: dict[str, str] = field(default_factory=dict)
    before: Key | None = None
    after: Key | None = None
    #: Names of parameters that were left out.
    ignored: list[str] = field(default_factory=list)
    #: None: nobody can be meant by `on`.
    wanted: AuditQuery | None = None

    @property
    def query(self) -> str:
        """Return the filters for an audit event: by ticket, so that it outlives a person."""
        wanted = self.wanted or AuditQuery()
        told = {"who": wanted.who, "on": wanted.on}
        return urlencode(self.typed | {name: value for name, value in told.items() if value})


def asked() -> Asked:
    """Return what this request asks for."""
    made = Asked()
    for name in request.args:
        text = request.args[name].strip()
        if not _is_read(made, name, text):
            made.ignored.append(_harmless(name))
    made.wanted = _wanted(made.typed)
    return made


def key_text(key: Key | None) -> str | None:
    """Return a key as it stands in an address."""
    return f"{(key.at - _EPOCH) // _MICROSECOND}-{max(key.id, 0)}" if key is not None else None


def _is_read(made: Asked, name: str, text: str) -> bool:
    """Take one parameter; False if it is unknown or cannot be read."""
    if name in FILTERS:
        if text and not _is_fit(name, text):
            return False
        if text:
            made.typed[name] = text
        return True
    key = _key(text) if name in ("before", "after") else None
    if key is None:
        return False
    if name == "before":
        made.before = key
    else:
        made.after = key
    return True


def _is_fit(name: str, text: str) -> bool:
    if name in ("from", "to"):
        return _day(text) is not None
    if name == "what":
        return text in EVENTS
    return len(text) <= _LONGEST and text.isprintable()


def _wanted(typed: dict[str, str]) -> AuditQuery | None:
    since, last = _day(typed.get("from", "")), _day(typed.get("to", ""))
    who, on = typed.get("who", ""), typed.get("on", "")
    if on and not _TICKET.fullmatch(on):
        found = audit_search.ticket_of(house(), on)
        if found is None:
            return None
        on = found
    if who:
        who = audit_search.ticket_of(house(), who) or who
    return AuditQuery(
        since=since,
        until=last + timedelta(days=1) if last else None,
        who=who,
        what=typed.get("what", ""),
        on=on,
        reference=typed.get("ref", ""),
    )


def _day(text: str) -> datetime | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    # Nothing was before, and one day more must still be a date.
    if not 1970 <= day.year <= 9000:
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _key(text: str) -> Key | None:
    found = _KEY.fullmatch(text)
    if found is None or not text.isascii():
        return None
    return Key(_EPOCH + int(found[1]) * _MICROSECOND, int(found[2]))


def _harmless(name: str) -> str:
    return "".join(c for c in name if c.isprintable())[:40] or "?"
