"""The default order of the list: who needs attention first.

One state follows the other, each in the order of expiry. So a page is read from the indexes of that
order, state by state until it is full, and costs the same for a million rows. Active connections
whose grant ends soon come after those that fail, the earliest end first, and not among the others:
to leave them out, pages of the others read as many rows more as there are between their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from webapp.models import Status, User
from webapp.services.operators.list_keyset import Conditions, KeysetWalk, Segment
from webapp.services.operators.list_query import (
    ENDING,
    SOON,
    STATUSES,
    Place,
    Query,
    Sort,
    State,
)

#: The states in this order; a place has the index of its own. None: active, the grant ends soon.
ATTENTION = (State.RECONNECT, State.FAILING, None, State.SOON, State.HEALTHY, State.REVOKED)
_SOON, _HEALTHY = ATTENTION.index(State.SOON), ATTENTION.index(State.HEALTHY)


@dataclass(frozen=True, slots=True)
class AttentionWalk:
    """The rows of a query that has no state and no other order."""

    session: Session
    client_key: str
    segments: Sequence[Segment]
    query: Query
    now: datetime
    #: The conditions of the rows that a search found, in place of segments.
    found: Conditions | None = None

    def take(self, start: Place | None, limit: int, *, backwards: bool = False) -> list[Place]:
        """Return up to `limit` rows after `start`, or before it if `backwards`.

        Without `start`, begin at the first row, or at the last one if `backwards`.
        """
        ranks = list(range(len(ATTENTION)))
        if self.query.descending != backwards:
            ranks.reverse()
        if start is not None:
            ranks = ranks[ranks.index(self._rank(start)) :]
        places: list[Place] = []
        for rank in ranks:
            if len(places) == limit:
                break
            walk = self._walk(ATTENTION[rank])
            found = walk.take(start, limit - len(places), backwards=backwards)
            places += [replace(place, rank=rank) for place in found]
            start = None
        return places

    def _rank(self, place: Place) -> int:
        """Return the state of a place now: since its page was read, its access may expire soon."""
        if place.rank not in (_SOON, _HEALTHY) or not isinstance(place.value, datetime):
            return place.rank or 0
        return _SOON if place.value <= self.now + SOON else _HEALTHY

    def _walk(self, state: State | None) -> KeysetWalk:
        down = self.query.descending
        if state is None:
            among = [Status.ACTIVE.value]
            query = replace(self.query, within=ENDING, sort=Sort.RECONNECT_BY, down=down)
        else:
            among = [status.value for status in STATUSES[state]]
            lasting = state in (State.SOON, State.HEALTHY)
            query = replace(self.query, state=state, sort=Sort.EXPIRES, down=down, lasting=lasting)
        segments = [segment for segment in self.segments if segment.status in among]
        found = self.found and (*self.found, User.status.in_(among))
        return KeysetWalk(self.session, self.client_key, segments, query, self.now, found)
