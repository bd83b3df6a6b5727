"""Which connections a bulk order means: those picked, or all that the list's filters match.

Reads only. What the filters mean is the list's own business.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs

from sqlalchemy import ColumnElement, and_, func, select, true

from webapp.database import reading
from webapp.models import Status, User
from webapp.services.house import House


@dataclass(frozen=True, slots=True)
class Scale:
    """How many connections an order is about."""

    count: int
    #: Of those, how many there is nothing to do for.
    skipped: int


def conditions(house: House, query: str, now: datetime) -> ColumnElement[bool]:
    """Return which rows the list shows under this query string."""
    ours = User.client_key == house.settings.tiktok_client_key
    asked = parse_qs(query).get("status", [""])[0]
    return and_(ours, User.status == asked if asked in set(Status) else true())


def following(
    house: House, query: str, now: datetime, after_id: int, most: int
) -> list[tuple[int, str]]:
    """Return id and ticket of the next rows that match, in the order of their ids."""
    with reading() as session:
        found = session.execute(
            select(User.id, User.ticket)
            .where(conditions(house, query, now), User.id > after_id)
            .order_by(User.id)
            .limit(most)
        )
        return [(user_id, ticket) for user_id, ticket in found]


def scale_of_all(house: House, act: str, query: str, now: datetime) -> Scale:
    """Return how many match now. Looks at every one of them."""
    return _scale(act, conditions(house, query, now))


def scale_of_picked(house: House, act: str, open_ids: Sequence[str]) -> Scale:
    """Return how many of these there are."""
    return _scale(act, picked(house, open_ids))


def picked(house: House, open_ids: Sequence[str]) -> ColumnElement[bool]:
    """Return which rows were picked."""
    ours = User.client_key == house.settings.tiktok_client_key
    return and_(ours, User.open_id.in_(open_ids))


def _scale(act: str, which: ColumnElement[bool]) -> Scale:
    holds = User.access_token.is_not(None)
    with reading() as session:
        rows = session.execute(
            select(User.status, holds, func.count()).where(which).group_by(User.status, holds)
        ).all()
    counts: Counter[bool] = Counter()
    for status, held, count in rows:
        counts[reason_to_skip(act, status, holds=bool(held)) is None] += count
    return Scale(counts.total(), counts[False])


def reason_to_skip(act: str, status: str, *, holds: bool) -> str | None:
    """Return why there is nothing to do for a row, as a word of ours; None: there is.

    `holds`: it holds tokens.
    """
    if status in (Status.REVOKING, Status.REVOKED) or not holds and act == "disconnect":
        return "disconnected"
    if act == "refresh" and (status == Status.RECONNECT or not holds):
        return "needs_person"
    return None
