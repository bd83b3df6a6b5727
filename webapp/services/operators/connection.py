"""The details of a connection: its columns, its next step and why, its uses and timeline.

They contain no token, only a fingerprint.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import undefer

from webapp.database import batches, reading
from webapp.models import Health, Status, User
from webapp.models.brakes import Brakes
from webapp.problems import Problem
from webapp.services import people
from webapp.services.handout import uses
from webapp.services.handout.uses import Use
from webapp.services.installation import binding
from webapp.services.operators import list_query
from webapp.services.operators.list_query import State
from webapp.services.records import history, refresh_days
from webapp.services.records.figures import Bar
from webapp.services.records.history import TimelineEvent
from webapp.services.refresh import breaker
from webapp.services.runtime import Runtime

#: The values of `health` by which connections can be filtered.
HEALTHS: tuple[str, ...] = tuple(each.value for each in Health)
_BATCH = 500
_DAY = timedelta(days=1)
#: With today, 30 days.
_CHARTED = timedelta(days=29)
#: The columns that aren't secret, in the order of the output.
_SHOWN = (
    *("status", "reason", "ended_at", "version", "next_at", "failures", "refused_at"),
    *("interrupted", "last_error", "last_log_id", "refreshes", "refreshed_at"),
    *("access_expires_at", "refresh_expires_at", "connected_at", "created_at", "last_used_at"),
    *("operator_since", "union_id", "username", "ticket"),
)


def list_all(
    runtime: Runtime, now: datetime, health: str | None = None
) -> Iterator[dict[str, Any]]:
    """Yield the connections in the order of their IDs, all or those with this `health`."""
    ours = User.client_key == runtime.client_key
    for users in batches(select(User).where(ours), [User.id], _BATCH):
        for user in users:
            if health in (None, user.health(now).value):
                yield _summary(user, now)


def facts_of(runtime: Runtime, open_id: str, now: datetime) -> dict[str, Any] | None:
    """Return all columns of one connection, times as text; None if there is none."""
    user = people.find_by_open_id(runtime, open_id)
    if user is None:
        return None
    columns = {name: _plain(getattr(user, name)) for name in _SHOWN}
    return _summary(user, now) | {
        "granted": sorted(user.granted),
        "asked": sorted(user.asked),
        "claimed": user.claim is not None,
        "tokens_kept": user.access_token is not None,
        "fingerprint": runtime.vault.fingerprint(user),
        **columns,
    }


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


#: Why the next refresh is at that time, or why there is none.
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
    """When the worker next acts on this connection, and why then."""

    why: NextReason
    #: None: never.
    at: datetime | None


@dataclass(frozen=True)
class ConnectionDetails:
    """One connection as an operator sees it."""

    at: datetime
    user: User
    health: Health
    #: As in the operators' list.
    state: State
    #: Why the person must reconnect, and since when; None if they needn't.
    reason: str | None
    since: datetime | None
    fingerprint: str | None
    #: There are tokens, and the grant hasn't ended.
    alive: bool
    access_over: bool
    next: NextStep
    #: Why this installation may not call TikTok for this database; None: it may.
    foreign: Problem | None
    #: While the breaker is open: until when nothing is sent, why, and TikTok's code.
    held_until: datetime | None
    held_reason: str | None
    held_code: str | None
    uses: list[Use]
    timeline: list[TimelineEvent]


def details_of(runtime: Runtime, open_id: str) -> ConnectionDetails | None:
    """Return the details of a connection; None if there is none with this open_id."""
    query = people.by_open_id(runtime, open_id).options(
        undefer(User.history), undefer(User.refresh_days)
    )
    with reading() as session:
        user = session.scalar(query)
    if user is None:
        return None
    now = runtime.clock()
    reason, since = user.ended(now)
    foreign = binding.mismatch(runtime)
    brakes = breaker.stored(runtime)
    held = _held_until(brakes, now)
    with reading() as session:
        used_by = uses.uses_of(session, user.id)
        timeline = history.timeline(session, user)
    return ConnectionDetails(
        at=now,
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
        uses=used_by,
        timeline=timeline,
    )


def refreshes_by_day(user: User, now: datetime) -> list[Bar]:
    """Return the refreshes of the last 30 days by day, only of days that are known whole.

    `user.history` and `user.refresh_days` must have been read with the row.
    """
    text = user.history or ""
    events = history.parse(text)
    first = max(now - _CHARTED, user.created_at).date()
    covered = first
    if events and len(text) >= history.LONGEST:
        # Older entries were cut off, maybe even on the day of the oldest that is left.
        covered = events[-1].at.date() + _DAY
    days = refresh_days.by_day(user.refresh_days, events, covered, now.date())
    return [
        Bar(datetime.combine(day, time(), UTC), good, failed)
        for day, (good, failed) in days.items()
        if day >= first
    ]


def _is_alive(user: User, now: datetime) -> bool:
    health = user.health(now)
    ended = health in (Health.RECONNECT, Health.REVOKING, Health.REVOKED)
    return user.access_token is not None and not ended


def _held_until(brakes: Brakes, now: datetime) -> datetime | None:
    """Return until when not even a probe may be sent; None: one may be sent now."""
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
