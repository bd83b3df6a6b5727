"""Finding one person's row again, by the reference that an act was begun with."""

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from webapp.database import reading
from webapp.models import PersonRef, User


class PersonGone(Exception):
    """This person's account was deleted after the act was begun."""


def find(person: PersonRef) -> User | None:
    """Return a person's row, detached; None if their account was deleted."""
    with reading() as session:
        return session.scalar(select(User).where(User.is_(person)))


def get(person: PersonRef) -> User:
    """Return a person's row, detached. Raises PersonGone."""
    user = find(person)
    if user is None:
        raise PersonGone
    return user


def locked(session: Session, person: PersonRef) -> User | None:
    """Return a person's row, held until the caller's transaction ends; None if it is deleted."""
    return session.scalar(select(User).where(User.is_(person)).with_for_update())


def with_history(session: Session, person: PersonRef) -> User:
    """Return a person's row with its history. Raises PersonGone."""
    query = select(User).where(User.is_(person)).options(undefer(User.history))
    user = session.scalar(query)
    if user is None:
        raise PersonGone
    return user
