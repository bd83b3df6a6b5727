"""Used OAuth states: each exchanges one code, and remembers what its sign-in led to.

The claim of a state is a transaction of its own before the code is sent, so no two requests,
processes or hosts send the same code (rule 17). Everything else that a sign-in stores is in one
transaction after TikTok's answer (decisions/0031).
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from webapp.database import db, first_row, is_sqlite, run, table_of, writing
from webapp.models import PersonRef, SpentState

#: Longer than an attempt lives in a browser, so a used state isn't mistaken for an unknown one.
REMEMBERED = timedelta(hours=1)
#: In place of what a sign-in led to: it has ended and connected nobody.
FAILED = "failed"
#: At most this many old states are removed at a time.
MAX_REMOVED = 1000
#: The claim of one state in 16, by its digest, also removes old ones: it is a chore of the worker,
#: but the table must not grow where none runs.
_SWEEPS = "0"

_table = table_of(SpentState)
_columns = _table.c
_CLAIMS = {
    kind: kind.insert(_table)
    .on_conflict_do_nothing(index_elements=["digest"])
    .returning(_columns.digest)
    for kind in (sqlite, postgresql)
}
_FIND = select(_table).where(_columns.digest == bindparam("the_digest"))
_RECORD = update(_table).where(_columns.digest == bindparam("the_digest"))
_DELETE_OLD = delete(_table).where(
    _columns.digest.in_(
        select(_columns.digest)
        .where(_columns.spent_at < bindparam("before"))
        .limit(MAX_REMOVED)
        .with_for_update(skip_locked=True)
    )
)


def spend(state: str, now: datetime) -> bool:
    """Mark a state as used. Return False if it already was: only one callback wins (rule 17)."""
    digest = _digest(state)
    with writing() as session:
        claim = _CLAIMS[sqlite if is_sqlite(db.engine.dialect) else postgresql]
        won = run(session, claim, {"digest": digest, "spent_at": now}).first() is not None
        if digest.startswith(_SWEEPS):
            run(session, _DELETE_OLD, {"before": now - REMEMBERED})
    return won


def find(state: str) -> Row[Any] | None:
    """Return the row of a used state; None if it hasn't been used."""
    return first_row(_FIND, {"the_digest": _digest(state)})


def record(
    session: Session, state: str, person: PersonRef, began: str, kind: str, added: tuple[str, ...]
) -> None:
    """Record in the caller's transaction what a sign-in led to.

    It is for a browser that doesn't receive the response. `began` is the digest of its new session.
    """
    values = {"user_id": person.id, "ticket": person.ticket, "session": began}
    values |= {"kind": kind, "added": ",".join(added), "the_digest": _digest(state)}
    run(session, _RECORD, values)


def record_failed(session: Session, state: str) -> None:
    """Record in the caller's transaction that a sign-in has ended and connected nobody."""
    failed = _RECORD.where(_columns.ticket.is_(None))
    run(session, failed, {"kind": FAILED, "the_digest": _digest(state)})


def remove_old(now: datetime) -> bool:
    """Remove states that no browser can return with anymore. Return True if some may be left."""
    with writing() as session:
        removed = run(session, _DELETE_OLD, {"before": now - REMEMBERED}).rowcount
    return removed == MAX_REMOVED


def _digest(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
