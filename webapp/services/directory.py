"""Looking people up: one's own row, one's own data, the operators' list; changes nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from webapp.database import reading
from webapp.models import BrowserSession, Health, User
from webapp.services import history
from webapp.services.house import House

PAGE = 50
#: The largest id that PostgreSQL's integer holds; it refuses to compare with a larger one.
_LARGEST_ID = 2**31 - 1


@dataclass(frozen=True)
class Row:
    """One connection as the operators' list shows it; no token, only its fingerprint."""

    display_name: str | None
    open_id: str
    ticket: str
    health: Health
    access_expires_at: datetime | None
    refresh_expires_at: datetime | None
    grant_ending: bool
    scopes: list[str]
    granted_count: int
    asked_count: int
    refreshed_at: datetime | None
    fingerprint: str | None
    #: Refreshes that failed since the last one that did not.
    failures: int
    last_error: str | None
    #: Why the person must come back; None while all is well.
    reason: str | None
    next_at: datetime | None


@dataclass(frozen=True)
class Page:
    """One page of connections, newest first, and the keys of its neighbours."""

    rows: list[Row]
    total: int
    #: Give it as `after` for the next page; None on the last.
    next_key: int | None
    #: Give it as `before` for the previous page; None on the first.
    previous_key: int | None


def find(user_id: int) -> User | None:
    """Return a person's row, detached; None if it is not there."""
    with reading() as session:
        return session.get(User, user_id)


def owner(user_id: int) -> User:
    """Return a person's own row, detached. Raises LookupError if it went in this very moment."""
    user = find(user_id)
    if user is None:
        raise LookupError("this person's row is gone")
    return user


def name_of(house: House, open_id: str) -> str | None:
    """Return the name of whoever has this open_id; None if nobody here has, or has no name."""
    with reading() as session:
        return session.scalar(
            select(User.display_name).where(
                User.client_key == house.settings.tiktok_client_key, User.open_id == open_id
            )
        )


def page(
    house: House, now: datetime, *, after: int | None = None, before: int | None = None
) -> Page:
    """Return up to 50 connections by key, so that a page stays put while rows come and go."""
    ours = User.client_key == house.settings.tiktok_client_key
    query = select(User).where(ours)
    if before is not None:
        query = query.where(User.id > min(before, _LARGEST_ID)).order_by(User.id)
    elif after is not None:
        query = query.where(User.id < min(after, _LARGEST_ID)).order_by(User.id.desc())
    else:
        query = query.order_by(User.id.desc())
    with reading() as session:
        found = list(session.scalars(query.limit(PAGE)))
        if before is not None:
            found.reverse()
        total = session.scalar(select(func.count()).select_from(User).where(ours)) or 0
        older = newer = None
        if found:
            older = session.scalar(select(User.id).where(ours, User.id < found[-1].id).limit(1))
            newer = session.scalar(select(User.id).where(ours, User.id > found[0].id).limit(1))
    return Page(
        rows=[_row(house, user, now) for user in found],
        total=total,
        next_key=found[-1].id if older else None,
        previous_key=found[0].id if newer else None,
    )


def own_data(user_id: int) -> dict[str, Any] | None:
    """Return all that is kept about a person, ready for JSON, without the tokens themselves."""
    with reading() as session:
        user = session.get(User, user_id, options=[undefer(User.history)])
        if user is None:
            return None
        sessions = session.scalars(
            select(BrowserSession)
            .where(BrowserSession.user_id == user_id)
            .order_by(BrowserSession.created_at)
        ).all()
    return {
        "open_id": user.open_id,
        "union_id": user.union_id,
        "display_name": user.display_name,
        "username": user.username,
        "ticket": user.ticket,
        "allowed": sorted(user.granted),
        "asked_for": sorted(user.asked),
        "status": user.status,
        "first_connected": _text(user.created_at),
        "connected": _text(user.connected_at),
        "access_refreshed": _text(user.refreshed_at),
        "access_ends": _text(user.access_expires_at),
        "connection_ends": _text(user.refresh_expires_at),
        "access_ended": _text(user.ended_at),
        "access_ended_because": user.reason,
        "last_used": _text(user.last_used_at),
        "access_refreshes": user.refreshes,
        "operator_since": _text(user.operator_since),
        "last_events": [
            {"at": _text(each.at), "what": each.word, "by": each.who}
            for each in history.read(user.history)
        ],
        "sealed_access_kept": user.access_token is not None,
        "signed_in": [
            {"since": _text(each.created_at), "last_seen": _text(each.seen_at)} for each in sessions
        ],
    }


def _row(house: House, user: User, now: datetime) -> Row:
    return Row(
        display_name=user.display_name,
        open_id=user.open_id,
        ticket=user.ticket,
        health=user.health(now),
        access_expires_at=user.access_expires_at,
        refresh_expires_at=user.refresh_expires_at,
        grant_ending=user.grant_ending(now),
        scopes=sorted(user.granted),
        granted_count=len(user.granted & user.asked),
        asked_count=len(user.asked),
        refreshed_at=user.refreshed_at,
        fingerprint=house.vault.fingerprint(user),
        failures=user.failures,
        last_error=user.last_error,
        reason=user.ended(now)[0],
        next_at=user.next_at,
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
