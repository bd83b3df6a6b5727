"""What a row must fulfil to be in the list under a query, its search among it; returns no row."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, case
from sqlalchemy.orm import Session

from webapp.models import User
from webapp.services.house import House
from webapp.services.operators import searching, wanted
from webapp.services.operators.wanted import Query


def matches(
    session: Session, house: House, query: Query, now: datetime
) -> list[ColumnElement[bool]]:
    """Return all that a row of a query must fulfil; a search by those whom it finds."""
    found = wanted.conditions(house, query, now)
    if query.search:
        found.append(User.id.in_(searching.look(session, house, query.search).ids))
    return found


def by_id(session: Session, house: House, query: Query, now: datetime) -> list[ColumnElement[bool]]:
    """Return what `matches` does, so that a database goes through the ids and sorts nothing.

    SQLite would take the index of the states, and sort all that match for each chunk of them.
    """
    found = matches(session, house, query, now)
    return found if query.search else [case((and_(*found), 1), else_=0) == 1]
