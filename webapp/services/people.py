"""Finds people by id and ticket, and writes new tokens and the words of a name for them.

An id alone is not enough: see docs/decisions/0021-a-person-is-named-by-id-and-ticket.md.
"""

import unicodedata
from functools import cache
from typing import Any

from sqlalchemy import Select, Text, Update, bindparam, delete, insert, select, update
from sqlalchemy.orm import Session, undefer

from webapp import search_words
from webapp.database import reading, run, table_of
from webapp.models import NameWord, PersonRef, User, connection_state
from webapp.services import authority
from webapp.services.records import history, refresh_days
from webapp.services.runtime import Runtime

#: Invisible, but some scripts and emoji need them.
JOINERS = "\u200c\u200d"

# Built once, as they run with every request or every sign-in.
_FIND = select(User).where(User.id == bindparam("the_id"), User.ticket == bindparam("the_ticket"))
_words = table_of(NameWord)
_DELETE_WORDS = delete(_words).where(_words.c.user_id == bindparam("the_id"))
_INSERT_WORDS = insert(_words)
_WITH_HISTORY = _FIND.options(undefer(User.history), undefer(User.refresh_days))


class PersonGone(Exception):
    """This person's account was deleted after the action had begun."""


def by_open_id(runtime: Runtime, open_id: str) -> Select[User]:
    """Return the query for the person with this open_id, within our own TikTok app (rule 52)."""
    # PostgreSQL rejects NUL in text, and TikTok's open_ids contain none.
    known = open_id if "\0" not in open_id else ""
    ours = runtime.client_key
    return select(User).where(User.client_key == ours, User.open_id == known)


def find_by_open_id(runtime: Runtime, open_id: str) -> User | None:
    """Return the row of the person with this open_id, detached; None if there is none."""
    with reading() as session:
        return session.scalar(by_open_id(runtime, open_id))


def find(person: PersonRef) -> User | None:
    """Return a person's row, detached; None if their account was deleted."""
    with reading() as session:
        return session.scalar(_FIND, {"the_id": person.id, "the_ticket": person.ticket})


def get(person: PersonRef) -> User:
    """Return a person's row, detached. Raises PersonGone."""
    user = find(person)
    if user is None:
        raise PersonGone
    return user


def locked(session: Session, person: PersonRef) -> User | None:
    """Return a person's row, locked until the caller's transaction ends; None if deleted."""
    return session.scalar(select(User).where(User.is_(person)).with_for_update())


def locked_for_caller(session: Session, person: PersonRef) -> User:
    """Lock a person's row, then the caller's right to act on it, until the transaction ends.

    Raises PersonGone, NoLongerAllowed.
    """
    user = locked(session, person)
    if user is None:
        raise PersonGone
    authority.require(session)
    return user


def with_history(session: Session, person: PersonRef) -> User:
    """Return a person's row with its history. Raises PersonGone."""
    user = session.scalar(_WITH_HISTORY, {"the_id": person.id, "the_ticket": person.ticket})
    if user is None:
        raise PersonGone
    return user


def clean_name(raw: str | None) -> str | None:
    """Return a name as one line without control or bidi characters; None if nothing is left."""
    if not raw or not raw.isprintable():
        raw = "".join(" " if char.isspace() else char for char in raw or "" if _is_printable(char))
    return " ".join(raw.split()) or None


def _is_printable(char: str) -> bool:
    """Return True if a name may contain `char`: text, white space or a joiner."""
    return char in JOINERS or char.isspace() or unicodedata.category(char)[0] not in "CZ"


def store_words(session: Session, person: PersonRef, name: str | None) -> None:
    """Store the words by which a person is found, in place of those of the previous name."""
    run(session, _DELETE_WORDS, {"the_id": person.id})
    add_words(session, person, name)


def add_words(session: Session, person: PersonRef, name: str | None = None) -> None:
    """Store the words by which a newcomer is found, at first by their ticket alone."""
    words = search_words.of_person(name, person.ticket)
    if found := [{"word": word, "user_id": person.id} for word in words]:
        run(session, _INSERT_WORDS, found)


def store_grant(
    session: Session, person: PersonRef, version: int, values: dict[str, Any], line: str = ""
) -> bool:
    """Write sealed columns, clear every mark, and add 1 to the version and the refreshes.

    Return False if the grant has changed since `version`: by a connect, a disconnect or a refresh.
    `line` is added at the beginning of the row's history, and the refresh to its day.
    """
    values = connection_state.works_again() | values
    keys: dict[str, Any] = {"the_id": person.id, "the_ticket": person.ticket}
    keys |= {"the_version": version, "the_line": line}
    keys["the_day"] = refresh_days.day_word(values["refreshed_at"])
    # Not through the ORM, which would build and compile the statement for each of 64 rows.
    done = run(session, _statement(frozenset(values)), values | keys)
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
        .values(refresh_days=refresh_days.count_one(bindparam("the_day", type_=Text), worked=True))
    )
