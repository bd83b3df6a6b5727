"""The one UPDATE that puts a new grant into a row, guarded by its version; decides nothing."""

from functools import cache
from typing import Any

from sqlalchemy import Text, Update, bindparam, update
from sqlalchemy.orm import Session

from webapp.models import PersonRef, Status, User
from webapp.services.records import history

#: The marks that a good answer clears.
_CLEARED: dict[str, Any] = {
    "claim": None,
    "status": Status.ACTIVE.value,
    "failures": 0,
    "failing_since": None,
    "refused_at": None,
    "interrupted": False,
    "reason": None,
    "ended_at": None,
    "last_error": None,
    "last_log_id": None,
}


def store(
    session: Session,
    person: PersonRef,
    version: int,
    values: dict[str, Any],
    line: str = "",
) -> bool:
    """Write sealed columns, clear every mark, count version and refreshes up.

    False if the grant has changed since `version`: somebody connected, disconnected or refreshed.
    `line` is put before the row's history.
    """
    values = _CLEARED | values
    keys: dict[str, Any] = {"the_id": person.id, "the_ticket": person.ticket}
    keys |= {"the_version": version, "the_line": line}
    # Not through the ORM: it would build and compile the statement for each of 64 rows.
    done = session.connection().execute(_statement(frozenset(values)), values | keys)
    return done.rowcount == 1


@cache
def _statement(columns: frozenset[str]) -> Update:
    users = User.__table__.c
    return (
        update(User)
        .where(users.id == bindparam("the_id"), users.ticket == bindparam("the_ticket"))
        .where(users.version == bindparam("the_version"))
        .values({name: bindparam(name, type_=users[name].type) for name in sorted(columns)})
        .values(version=users.version + 1, refreshes=users.refreshes + 1)
        .values(history=history.prepend(bindparam("the_line", type_=Text)))
    )
