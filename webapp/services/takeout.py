"""Handing people what is kept about them, and writing down that it was; never hands out a token."""

from typing import Any

from webapp.database import writing
from webapp.services import audit, directory
from webapp.services.house import House


def export(house: House, user_id: int) -> dict[str, Any] | None:
    """Return all that is kept about a person, ready for JSON; None if they are gone."""
    user = directory.find(user_id)
    if user is None:
        return None
    with writing() as session:
        audit.record(session, house.clock(), "account.exported", on=user.ticket)
    return directory.own_data(user_id)
