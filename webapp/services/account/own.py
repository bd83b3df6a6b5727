"""All that a person's account page tells them, read at one go; changes nothing."""

from dataclasses import dataclass

from webapp.database import reading
from webapp.models import PersonRef, User
from webapp.services import people
from webapp.services.account import activity
from webapp.services.account.activity import Page
from webapp.services.connect import sessions
from webapp.services.connect.sessions import Browser
from webapp.services.handout import uses
from webapp.services.handout.uses import Use
from webapp.services.house import House
from webapp.services.records.history import TimelineEvent

#: How many things that happened the account page shows.
RECENT = 5


@dataclass(frozen=True)
class Account:
    """One person's row, and what goes with it."""

    user: User
    #: The service that was handed the connection last; None: none ever was.
    last_use: Use | None
    recent: list[TimelineEvent]
    browsers: list[Browser]


def account(house: House, person: PersonRef, secret: str) -> Account:
    """Return what stands on the account page of this person, seen from the browser of this secret.

    Raises PersonGone.
    """
    with reading() as session:
        user = people.with_history(session, person)
        recent = activity.page(session, house, user, count=RECENT)
        return Account(
            user=user,
            last_use=next(iter(uses.of(session, user.id, most=1)), None),
            recent=recent.happenings[:RECENT],
            browsers=sessions.of(session, house, person, secret, house.clock()),
        )


def happenings(house: House, person: PersonRef, before: int | None) -> Page:
    """Return a page of what happened. Raises PersonGone."""
    with reading() as session:
        user = people.with_history(session, person)
        return activity.page(session, house, user, before)


def browsers(house: House, person: PersonRef, secret: str) -> list[Browser]:
    """Return where this person is signed in, seen from the browser of this secret.

    Raises PersonGone.
    """
    with reading() as session:
        found = sessions.of(session, house, person, secret, house.clock())
    if not any(each.this_one for each in found):
        raise people.PersonGone
    return found
