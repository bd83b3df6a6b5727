"""Handing people what is kept about them, and writing down that it was; never hands out a token."""

from typing import Any

from webapp.database import writing
from webapp.models import PersonRef
from webapp.services import authority, people
from webapp.services.account import directory
from webapp.services.house import House
from webapp.services.people import PersonGone
from webapp.services.records import audit


def export(house: House, person: PersonRef) -> dict[str, Any]:
    """Return all that is kept about a person, ready for JSON.

    Raises PersonGone, NoLongerAllowed.
    """
    with writing() as session:
        if people.locked(session, person) is None:
            raise PersonGone
        authority.require(session)
        audit.record(session, house.clock(), "account.exported", on=person.ticket)
    return directory.own_data(person)
