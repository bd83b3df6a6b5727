"""Which connections a bulk order means: those picked, or all that the list's filters match.

Reads only. What the filters mean is the list's own business.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from webapp.database import reading
from webapp.models import Status, User
from webapp.services.house import House
from webapp.services.operators import filtering, listing, phrasing


@dataclass(frozen=True, slots=True)
class Scale:
    """How many connections an order is about."""

    count: int
    #: Of those, how many there is nothing to do for.
    skipped: int


def following(
    house: House, query: str, now: datetime, after_id: int, most: int
) -> list[tuple[int, str]]:
    """Return id and ticket of the next rows that match, in the order of their ids."""
    asked = phrasing.parse_string(query)
    return listing.matching(house, asked, now, after_id=after_id, limit=most)


def scale_of_all(house: House, act: str, query: str, now: datetime) -> Scale:
    """Return how many match now. Counts every one of them."""
    with reading() as session:
        which = filtering.matches(session, house, phrasing.parse_string(query), now)
        return _scale(session, act, which)


def scale_of_picked(house: House, act: str, open_ids: Sequence[str]) -> Scale:
    """Return how many of these there are."""
    with reading() as session:
        return _scale(session, act, picked(house, open_ids))


def picked(house: House, open_ids: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return the conditions of the rows that were picked."""
    return [User.client_key == house.settings.tiktok_client_key, User.open_id.in_(open_ids)]


def _scale(session: Session, act: str, which: Sequence[ColumnElement[bool]]) -> Scale:
    by_status = select(User.status, func.count()).where(*which).group_by(User.status)
    counts = {status: count for status, count in session.execute(by_status)}
    skipped = sum(
        count for status, count in counts.items() if reason_to_skip(act, status, holds=True)
    )
    if act == "disconnect" and Status.RECONNECT in counts:
        # Asked apart: for a million rows the count above needs an index alone.
        empty = User.access_token.is_(None)
        lost = select(func.count()).where(*which, User.status == Status.RECONNECT.value, empty)
        skipped += session.scalar(lost) or 0
    return Scale(sum(counts.values()), skipped)


def reason_to_skip(act: str, status: str, *, holds: bool) -> str | None:
    """Return why there is nothing to do for a row, as a word of ours; None: there is.

    `holds`: it holds tokens.
    """
    if status in (Status.REVOKING, Status.REVOKED) or not holds and act == "disconnect":
        return "disconnected"
    if act == "refresh" and (status == Status.RECONNECT or not holds):
        return "needs_person"
    return None
