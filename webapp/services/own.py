"""All that a person's account page tells them, read at one go; changes nothing."""

from dataclasses import dataclass

from sqlalchemy.orm import undefer

from webapp.database import reading
from webapp.models import User
from webapp.services import activity, sessions, uses
from webapp.services.activity import Page
from webapp.services.chronicle import Happening
from webapp.services.house import House
from webapp.services.sessions import Browser
from webapp.services.uses import Use

#: How many things that happened the account page shows.
RECENT = 5


@dataclass(frozen=True)
class Account:
    """One person's row, and what goes with it."""

    user: User
    #: The service that was handed the connection last; None: none ever was.
    last_use: Use | None
    recent: list[Happening]
    browsers: list[Browser]


def account(house: House, user_id: int, secret: str) -> Account:
    """Return what stands on the account page of this person, seen from the browser of this secret.

    Raises LookupError if their row went in this very moment.
    """
    with reading() as session:
        user = session.get(User, user_id, options=[undefer(User.history)])
        if user is None:
            raise LookupError("this person's row is gone")
        recent = activity.page(session, house, user, count=RECENT)
        return Account(
            user=user,
            last_use=next(iter(uses.of(session, user_id, most=1)), None),
            recent=recent.happenings[:RECENT],
            browsers=sessions.of(session, house, user_id, secret, house.clock()),
        )


def happenings(house: House, user_id: int, before: int | None) -> Page:
    """Return a page of what happened. Raises LookupError if the row went in this very moment."""
    with reading() as session:
        user = session.get(User, user_id, options=[undefer(User.history)])
        if user is None:
            raise LookupError("this person's row is gone")
        return activity.page(session, house, user, before)


def browsers(house: House, user_id: int, secret: str) -> list[Browser]:
    """Return where this person is signed in, seen from the browser of this secret."""
    with reading() as session:
        return sessions.of(session, house, user_id, secret, house.clock())
