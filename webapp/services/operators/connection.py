"""All that is known of one connection: its row, what is next and why, what may be done with it.

Changes nothing, and holds no token, only its fingerprint.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import undefer

from webapp.database import reading
from webapp.models import Health, Status, User
from webapp.models.brakes import Brakes
from webapp.services.handout import uses
from webapp.services.handout.uses import Use
from webapp.services.house import House
from webapp.services.installation import binding
from webapp.services.installation.binding import Mismatch
from webapp.services.operators import standing
from webapp.services.operators.standing import State
from webapp.services.records import history
from webapp.services.records.history import TimelineEvent
from webapp.services.refresh import breaker

#: Why the next refresh is when it is, and why there is none.
Why = Literal[
    "scheduled",
    "idle",
    "due",
    "back_off",
    "refreshing",
    "breaker",
    "revoking",
    "foreign",
    "person",
    "over",
]


@dataclass(frozen=True, slots=True)
class Next:
    """When this connection is acted on next, and why then."""

    why: Why
    #: None: never.
    at: datetime | None


@dataclass(frozen=True)
class Dossier:
    """One connection as an operator sees it."""

    user: User
    health: Health
    #: As the list of all has it.
    state: State
    #: Why the person must come back, and since when; None while all is well.
    reason: str | None
    since: datetime | None
    fingerprint: str | None
    #: TikTok can still be asked with what we hold.
    alive: bool
    access_over: bool
    next: Next
    #: Why nothing may be asked of TikTok from here; None: the database belongs here.
    foreign: Mismatch | None
    #: While the breaker is open: until when nothing goes out, why, and TikTok's code.
    held_until: datetime | None
    held_reason: str | None
    held_code: str | None
    uses: list[Use]
    happenings: list[TimelineEvent]


def find(house: House, open_id: str) -> User | None:
    """Return the row of this open_id with its history, detached; None if nobody here has it."""
    # PostgreSQL has no NUL in texts, and TikTok none in open_ids.
    if "\0" in open_id:
        return None
    with reading() as session:
        return session.scalar(
            select(User)
            .where(User.client_key == house.settings.tiktok_client_key, User.open_id == open_id)
            .options(undefer(User.history))
        )


def of(house: House, open_id: str) -> Dossier | None:
    """Return all that is known of this connection; None if nobody here has this open_id."""
    user = find(house, open_id)
    if user is None:
        return None
    now = house.clock()
    reason, since = user.ended(now)
    foreign = binding.mismatch(house)
    brakes = breaker.current(house)
    held = _held_until(brakes, now)
    with reading() as session:
        handed = uses.uses_of(session, user.id)
        happenings = history.timeline(session, user)
    return Dossier(
        user=user,
        health=user.health(now),
        state=standing.of(user, now),
        reason=reason,
        since=since,
        fingerprint=house.vault.fingerprint(user),
        alive=_is_alive(user, now),
        access_over=user.access_expires_at is None or user.access_expires_at <= now,
        next=_next(user, now, foreign, held),
        foreign=foreign,
        held_until=held,
        held_reason=brakes.open_reason if held else None,
        held_code=brakes.open_code if held else None,
        uses=handed,
        happenings=happenings,
    )


def _is_alive(user: User, now: datetime) -> bool:
    health = user.health(now)
    ended = health in (Health.RECONNECT, Health.REVOKING, Health.REVOKED)
    return user.access_token is not None and not ended


def _held_until(brakes: Brakes, now: datetime) -> datetime | None:
    """Return until when not even a probe may go out; None: one may go out now."""
    if brakes.open_reason is None or brakes.probe_at is None or brakes.probe_at <= now:
        return None
    return brakes.probe_at


def _next(user: User, now: datetime, foreign: Mismatch | None, held: datetime | None) -> Next:
    if user.status == Status.REVOKED:
        return Next("over", None)
    if foreign is not None:
        return Next("foreign", None)
    if user.status == Status.REVOKING:
        return Next("revoking", user.next_at)
    if user.next_at is None or not _is_alive(user, now):
        return Next("person", None)
    if user.claim is not None and user.next_at > now:
        return Next("refreshing", user.next_at)
    if held is not None and held >= user.next_at:
        return Next("breaker", held)
    if user.status == Status.FAILING:
        return Next("back_off", user.next_at)
    if user.next_at <= now:
        return Next("due", user.next_at)
    if user.access_expires_at is not None and user.next_at > user.access_expires_at:
        return Next("idle", user.next_at)
    return Next("scheduled", user.next_at)
