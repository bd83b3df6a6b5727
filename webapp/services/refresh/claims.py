"""Claims connections to act on, with one conditional UPDATE."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from webapp.actor import Actor
from webapp.database import UtcDateTime, writing
from webapp.models import PersonRef, Status, User, connection_state
from webapp.services import authority
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen, HeldTokens

#: A whole HTTP call (10 s) < SEND_WITHIN < LEASE, so a call ends while its claim is valid.
SEND_WITHIN = timedelta(seconds=20)
LEASE = timedelta(seconds=60)
#: Where the uptime begins in a claim's name: after 16 characters, a dot, 8 and a dot.
_UPTIME_FROM = 27

_KEPT = (Status.ACTIVE, Status.FAILING)


@dataclass(frozen=True, slots=True)
class Claim:
    """One connection that we may act on until the lease ends."""

    #: The row as it was when we claimed it, detached.
    user: User
    #: Random; a failure is written only while the row still has it.
    name: str
    claimed_at: datetime
    #: None: sealed with a key that we do not have.
    held: HeldTokens | None = field(repr=False)
    #: Not used for REFRESH_IDLE_DAYS: refreshed only as often as needed to keep its grant alive.
    idle: bool
    #: On whose behalf it is claimed; None: on behalf of the claiming thread's actor.
    by: Actor | None = None


def claim_due(runtime: Runtime, limit: int, now: datetime) -> list[Claim]:
    """Claim up to `limit` connections that are due, most overdue first."""
    return _claimed(runtime, _claim_due(runtime.uptime is not None), now, {"the_limit": limit})


@cache
def _claim_due(has_uptime: bool) -> ReturningUpdate[User]:
    """Return the statement of `claim_due`, which is built once: a worker runs it all the time."""
    due = (
        select(User.id)
        .where(
            User.next_at <= bindparam("the_now", type_=UtcDateTime),
            User.client_key == bindparam("the_app"),
        )
        .where(_is_lease_over(has_uptime))
        .order_by(User.next_at)
        .limit(bindparam("the_limit", type_=Integer))
        .with_for_update(skip_locked=True)
    )
    return _claim(due, true(), has_uptime)


def claim_one(
    runtime: Runtime,
    person: PersonRef,
    now: datetime,
    *,
    version: int | None = None,
    back_off: bool = True,
) -> Claim | None:
    """Claim one connection on demand; None if it is claimed already, or cannot be refreshed.

    `version`: claim only while the row has this version. `back_off`: skip a connection
    that failed recently until its next retry is due. Pass False when a person presses the button.
    Raises NoLongerAllowed if the caller has lost the right to request it.
    """
    free: ColumnElement[bool] = or_(User.claim.is_(None), User.next_at <= now)
    if back_off:
        free = and_(free, or_(User.status != Status.FAILING, User.next_at <= now))
    if version is not None:
        free = and_(free, User.version == version)
    one = select(User.id).where(User.is_(person))
    statement = _claim(one, and_(free, User.status.in_(_KEPT)), runtime.uptime is not None)
    found = _claimed(runtime, statement, now, {}, requested=True)
    # A request counts as use.
    return replace(found[0], idle=False) if found else None


def claim_in(
    session: Session, runtime: Runtime, ids: Sequence[int], now: datetime, by: Actor
) -> list[Claim]:
    """Claim those of these connections that can be refreshed, in the caller's transaction.

    Unlike `claim_due`, it doesn't matter when they are due.
    """
    free = and_(or_(User.claim.is_(None), User.next_at <= now), User.status.in_(_KEPT))
    rows = select(User.id).where(User.id.in_(ids))
    statement = _claim(rows, free, runtime.uptime is not None)
    name = new_name(runtime)
    found = session.scalars(
        statement,
        _values(runtime, name, now),
        execution_options={"populate_existing": True},
    ).all()
    return [replace(claim, by=by) for claim in opened(runtime, found, name, now)]


def _claim(ids: Select[int], free: ColumnElement[bool], has_uptime: bool) -> ReturningUpdate[User]:
    """Return the statement that claims rows; `_claimed` passes its parameters."""
    until = bindparam("the_end", type_=UtcDateTime)
    return (
        update(User)
        .where(User.id.in_(ids), free, _is_lease_over(has_uptime))
        .where(or_(User.refresh_token.is_not(None), User.status == Status.REVOKING))
        .values(connection_state.claimed(bindparam("the_claim", type_=Text), until))
        .returning(User)
    )


def _claimed(
    runtime: Runtime,
    statement: ReturningUpdate[User],
    now: datetime,
    values: dict[str, Any],
    *,
    requested: bool = False,
) -> list[Claim]:
    name = new_name(runtime)
    values |= {"the_now": now, "the_app": runtime.client_key}
    values |= _values(runtime, name, now)
    with writing() as session:
        rows = session.scalars(statement, values).all()
        if requested:
            authority.require(session)
    return opened(runtime, rows, name, now)


def _values(runtime: Runtime, name: str, now: datetime) -> dict[str, Any]:
    """Return the parameters that every statement of `_claim` has."""
    values: dict[str, Any] = {"the_claim": name, "the_end": now + LEASE}
    if runtime.uptime is not None:
        values["the_mark"] = f"%.{runtime.uptime.boot}.%"
        values["the_uptime"] = f"{runtime.uptime.seconds():014.3f}"
    return values


def new_name(runtime: Runtime) -> str:
    """Return a random name that ends with the machine's uptime at the end of the lease.

    If the clock jumps an hour ahead during a call, no other process of this machine sends the same
    refresh token.
    """
    name = secrets.token_hex(8)
    if runtime.uptime is None:
        return name
    ends = runtime.uptime.seconds() + LEASE.total_seconds()
    return f"{name}.{runtime.uptime.boot}.{ends:014.3f}"


def _is_lease_over(has_uptime: bool) -> ColumnElement[bool]:
    """Return the condition of rows that no process of this machine holds by its uptime."""
    if not has_uptime:
        return true()
    ends = func.substr(User.claim, _UPTIME_FROM, type_=Text())
    return or_(
        User.claim.is_(None),
        User.claim.not_like(bindparam("the_mark", type_=Text)),
        ends <= bindparam("the_uptime", type_=Text),
    )


def opened(runtime: Runtime, rows: Sequence[User], name: str, now: datetime) -> list[Claim]:
    """Return the claims of rows that were claimed under this name, with their tokens."""
    return [
        Claim(user, name, now, held=_held(runtime, user), idle=_is_idle(runtime, user, now))
        for user in rows
    ]


def _is_idle(runtime: Runtime, user: User, now: datetime) -> bool:
    days = runtime.settings.refresh_idle_days
    used = max(user.last_used_at or user.connected_at, user.connected_at)
    return days > 0 and now - used > timedelta(days=days)


def _held(runtime: Runtime, user: User) -> HeldTokens | None:
    try:
        return runtime.vault.load(user)
    except CannotOpen:
        return None
