"""The last things that happened to one connection, in a text of its own row; never a token.

Newest first, an entry a line, written by the UPDATE of the act itself, cut at the end: so it costs
no row a refresh and needs no tidying. What must be answered for longer stands in services.audit.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, func

from webapp.acting import Actor
from webapp.models import User

#: A row keeps this many characters: some twenty entries.
LONGEST = 1200


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, to the second."""

    at: datetime
    #: refreshed · failed · needs_user · handed_out
    word: str
    #: `worker`, `service:NAME`, `operator:TICKET`, `person`, `command`, …
    who: str
    #: What TikTok took to answer, in milliseconds; None where it was not asked.
    ms: int | None
    #: TikTok's code or ours, and TikTok's id of the call; empty where there is none.
    code: str
    log_id: str


def who(actor: Actor) -> str:
    """Return an actor in one word; a person's own ticket is the row's, so it is left out."""
    if actor.kind in ("service", "operator"):
        return f"{actor.kind}:{actor.name}"
    return actor.kind


def line(now: datetime, word: str, actor: Actor, ms: int | None, code: str, log_id: str) -> str:
    """Return one entry as it is kept."""
    parts = (str(int(now.timestamp())), word, who(actor), "" if ms is None else str(ms))
    return "|".join(_plain(part) for part in (*parts, code, log_id)) + "\n"


def prepended(text: Any) -> ColumnElement[str]:
    """Return the new value of `User.history`: `text`, a value or a parameter, before the old."""
    return func.substr(
        func.coalesce(text, "") + func.coalesce(User.__table__.c.history, ""), 1, LONGEST
    )


def read(text: str | None) -> list[Entry]:
    """Return the entries, newest first; what was cut or cannot be read is left out."""
    entries = []
    for each in (text or "").split("\n")[:-1]:
        parts = each.split("|")
        if len(parts) == 6 and parts[0].isdecimal():
            at = datetime.fromtimestamp(int(parts[0]), UTC)
            ms = int(parts[3]) if parts[3].isdecimal() else None
            entries.append(Entry(at, parts[1], parts[2], ms, parts[4], parts[5]))
    return entries


def _plain(part: str) -> str:
    return "".join(c for c in part if c.isprintable() and c != "|")[:80]
