"""Everything known about a connection: its row, what happens next and why, what can be done.

It holds no token, only a token's fingerprint.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import undefer

from webapp.database import reading
from webapp.models import Health, Status, User
from webapp.models.brakes import Brakes
from webapp.problems import Problem
from webapp.services import people
from webapp.services.handout import uses
from webapp.services.handout.uses import Use
from webapp.services.installation import binding
from webapp.services.operators import list_query
from webapp.services.operators.list_query import State
from webapp.services.records import history
from webapp.services.records.history import TimelineEvent
from webapp.services.refresh import breaker
from webapp.services.runtime import Runtime

#: The words by which connections can be picked.
HEALTHS: tuple[str, ...] = tuple(each.value for each in Health)
_PAGE = 500
#: Columns that tell something and are no secret, in the order they are read.
_SHOWN = (
    *("status", "reason", "ended_at", "version", "next_at", "failures", "refused_at"),
    *("interrupted", "last_error", "last_log_id", "refreshes", "refreshed_at"),
    *("access_expires_at", "refresh_expires_at", "connected_at", "created_at", "last_used_at"),
    *("operator_since", "union_id", "username", "ticket"),
)


def list_all(
    runtime: Runtime, now: datetime, health: str | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the connections by key, a page at a time; with `health` those that stand so."""
    last = 0
    while found := _after(runtime, last):
        last = found[-1].id
        for user in found:
            if health in (None, user.health(now).value):
                yield _summary(user, now)


def facts_of(runtime: Runtime, open_id: str, now: datetime) -> dict[str, Any] | None:
    """Return all that is known of one connection, times as text; None if there is none."""
    user = find(runtime, open_id)
    if user is None:
        return None
    told = {name: _plain(getattr(user, name)) for name in _SHOWN}
    return _summary(user, now) | {
        "granted": sorted(user.granted),
        "asked": sorted(user.asked),
        "claimed": user.claim is not None,
        "tokens_kept": user.access_token is not None,
        "fingerprint": runtime.vault.fingerprint(user),
        **told,
    }


def find(runtime: Runtime, open_id: str) -> User | None:
    """Return the row of this open_id within the TikTok app of the settings, detached."""
    with reading() as session:
        return session.scalar(people.by_open_id(runtime, open_id))


def _after(runtime: Runtime, last: int) -> list[User]:
    query = select(User).where(_ours(runtime), User.id > last).order_by(User.id).limit(_PAGE)
    with reading() as session:
        return list(session.scalars(query))


def _ours(runtime: Runtime) -> ColumnElement[bool]:
    return User.client_key == runtime.settings.tiktok_client_key


def _summary(user: User, now: datetime) -> dict[str, Any]:
    return {
        "open_id": user.open_id,
        "display_name": user.display_name,
        "health": user.health(now).value,
        "access_expires_at": _plain(user.access_expires_at),
        "refresh_expires_at": _plain(user.refresh_expires_at),
        "grant_ending": user.grant_ending(now),
        "last_error": user.last_error,
    }


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


#: Why the next refresh is when it is, and why there is none.
NextReason = Literal[
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
class NextStep:
    """When this connection is acted on next, and why then."""

    why: NextReason
    #: None: never.
    at: datetime | None


@dataclass(frozen=True)
class ConnectionDetails:
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
    next: NextStep
    #: Why nothing may be asked of TikTok from here; None: the database belongs here.
    foreign: Problem | None
    #: While the breaker is open: until when nothing goes out, why, and TikTok's code.
    held_until: datetime | None
    held_reason: str | None
    held_code: str | None
    uses: list[Use]
    happenings: list[TimelineEvent]


def find_with_history(runtime: Runtime, open_id: str) -> User | None:
    """Return the row of this open_id with its history, detached; None if nobody here has it."""
    with reading() as session:
        query = people.by_open_id(runtime, open_id).options(undefer(User.history))
        return session.scalar(query)


def details_of(runtime: Runtime, open_id: str) -> ConnectionDetails | None:
    """Return all that is known of this connection; None if nobody here has this open_id."""
    user = find_with_history(runtime, open_id)
    if user is None:
        return None
    now = runtime.clock()
    reason, since = user.ended(now)
    foreign = binding.mismatch(runtime)
    brakes = breaker.current(runtime)
    held = _held_until(brakes, now)
    with reading() as session:
        handed = uses.uses_of(session, user.id)
        happenings = history.timeline(session, user)
    return ConnectionDetails(
        user=user,
        health=user.health(now),
        state=list_query.state_of(user, now),
        reason=reason,
        since=since,
        fingerprint=runtime.vault.fingerprint(user),
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


def _next(user: User, now: datetime, foreign: Problem | None, held: datetime | None) -> NextStep:
    if user.status == Status.REVOKED:
        return NextStep("over", None)
    if foreign is not None:
        return NextStep("foreign", None)
    if user.status == Status.REVOKING:
        return NextStep("revoking", user.next_at)
    if user.next_at is None or not _is_alive(user, now):
        return NextStep("person", None)
    if user.claim is not None and user.next_at > now:
        return NextStep("refreshing", user.next_at)
    if held is not None and held >= user.next_at:
        return NextStep("breaker", held)
    if user.status == Status.FAILING:
        return NextStep("back_off", user.next_at)
    if user.next_at <= now:
        return NextStep("due", user.next_at)
    if user.access_expires_at is not None and user.next_at > user.access_expires_at:
        return NextStep("idle", user.next_at)
    return NextStep("scheduled", user.next_at)
