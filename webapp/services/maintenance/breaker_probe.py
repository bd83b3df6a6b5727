"""Probe now: one refresh at once while the breaker is open, for an operator who does not wait.

It goes the way of every refresh, so the breaker judges it as it judges any other.
"""

from contextlib import suppress
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select, update

from webapp.database import reading, writing
from webapp.models import Brakes, Status, User
from webapp.services import authority
from webapp.services.authority import HalfDone, NoLongerAllowed
from webapp.services.house import House
from webapp.services.installation import binding
from webapp.services.records import audit
from webapp.services.refresh import breaker
from webapp.services.refresh.on_demand import (
    NotConnected,
    Pending,
    ReconnectRequired,
    fresh_access,
)
from webapp.services.vault import CannotOpen

_KEPT = (Status.ACTIVE.value, Status.FAILING.value)


class Probed(StrEnum):
    """What has come of it."""

    #: TikTok answered, and the breaker is closed again.
    CLOSED = "closed"
    #: It was tried, or a worker was quicker with it; the breaker is open as before.
    OPEN = "open"
    #: There was nothing to probe: the breaker was closed.
    NOT_OPEN = "not_open"
    #: Nobody is connected with whom to try it.
    NOBODY = "nobody"
    #: The database does not belong here, so nothing goes out.
    NOT_OURS = "not_ours"


def probe(house: House) -> Probed:
    """Refresh the connection that is due first, whatever probe is due when; say what came of it.

    Raises NoLongerAllowed, with nothing done, or HalfDone.
    """
    if binding.mismatch(house) is not None:
        return Probed.NOT_OURS
    if not _make_due(house, house.clock()):
        return Probed.NOT_OPEN
    open_id = _first(house)
    if open_id is None:
        return Probed.NOBODY
    # What came of it stands in the brakes; how this one connection is, on its own page.
    with suppress(NotConnected, ReconnectRequired, Pending, CannotOpen):
        try:
            fresh_access(house, open_id, pressed=True)
        except NoLongerAllowed:
            raise HalfDone from None
    return Probed.OPEN if breaker.current(house).open_reason is not None else Probed.CLOSED


def _make_due(house: House, now: datetime) -> bool:
    """Let the next probe go out now, and write down who wants it; False: nothing to probe."""
    with writing() as session:
        authority.require(session)
        made = session.scalar(
            update(Brakes)
            .where(Brakes.client_key == house.settings.tiktok_client_key)
            .where(Brakes.open_reason.is_not(None))
            .values(probe_at=now)
            .returning(Brakes.client_key)
        )
        if made is not None:
            audit.record(session, now, "breaker.probed")
    return made is not None


def _first(house: House) -> str | None:
    """Return the open_id of whose turn is next, leaving out who is being refreshed."""
    ours = User.client_key == house.settings.tiktok_client_key
    query = (
        select(User.open_id)
        .where(ours, User.next_at.is_not(None), User.claim.is_(None))
        .where(User.status.in_(_KEPT), User.refresh_token.is_not(None))
        .order_by(User.next_at)
        .limit(1)
    )
    with reading() as session:
        return session.scalar(query)
