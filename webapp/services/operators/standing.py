"""The five states an operator sees: a partition of the rows by what is stored; changes nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_

from webapp.models import Status, User

#: A worker that keeps up refreshes at three quarters of a life, so nobody healthy gets there.
SOON = timedelta(minutes=30)


class State(StrEnum):
    """How a connection stands in the operators' list."""

    HEALTHY = "healthy"
    #: Its access ends within half an hour, or is over.
    SOON = "soon"
    FAILING = "failing"
    RECONNECT = "reconnect"
    REVOKED = "revoked"


STATUSES: Mapping[State, tuple[Status, ...]] = {
    State.HEALTHY: (Status.ACTIVE,),
    State.SOON: (Status.ACTIVE,),
    State.FAILING: (Status.FAILING,),
    State.RECONNECT: (Status.RECONNECT,),
    State.REVOKED: (Status.REVOKING, Status.REVOKED),
}


def of(user: User, now: datetime) -> State:
    """Return the one state of a connection."""
    if user.status == Status.ACTIVE:
        ends = user.access_expires_at
        return State.HEALTHY if ends is not None and ends > now + SOON else State.SOON
    return next(state for state, among in STATUSES.items() if user.status in among)


def stands(state: State, now: datetime, *, seeks: bool = True) -> ColumnElement[bool]:
    """Return the condition under which a row is in this state; the same partition as `of`.

    `seeks`: a database may look the time up in an index; else it follows another order.
    """
    among = User.status.in_([status.value for status in STATUSES[state]])
    ends: ColumnElement[Any] = User.access_expires_at.expression
    if not seeks:
        # No index holds this. Else SQLite takes the range first, and sorts what is in it.
        ends = func.coalesce(ends, ends)
    if state is State.HEALTHY:
        return and_(among, ends > now + SOON)
    if state is State.SOON:
        return and_(among, or_(ends <= now + SOON, ends.is_(None)))
    return among
