"""What has happened at the demo besides connecting: refreshes by the hour, bulk jobs, a service."""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from demo import members
from demo.story import Event
from webapp.actor import Actor
from webapp.database import writing
from webapp.models import BulkItem, BulkJob, ItemState, ServiceKey, ServiceUse, Status, User
from webapp.services.records import figures
from webapp.services.records.audit import Field
from webapp.services.runtime import Runtime

#: The number of days for which there are figures.
DAYS_WITH_FIGURES = 30
SERVICE = "studio-prod"
#: A connection is refreshed about this often in an hour, with the sandbox's lifetimes.
_REFRESHES_AN_HOUR = 0.8
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
#: Bulk refreshes of the past: how long ago, of how many, and how many of them failed.
_JOBS = ((9 * _DAY + 3 * _HOUR, 20, 2), (2 * _DAY + 5 * _HOUR, 12, 0))
_FAILED = "temporarily_unavailable"
#: A bulk disconnect of people who have reconnected since: how long ago, of how many at most, and
#: how many of them TikTok did not confirm.
_DISCONNECTED_AGO, _DISCONNECTED, _UNCONFIRMED = 20 * _DAY + 6 * _HOUR, 8, 2
_NOT_CONFIRMED = "invalid_grant"
_WORKER = Actor("worker")


def add_records(runtime: Runtime, operator: str, now: datetime) -> None:
    """Add figures, finished bulk jobs and a service with its uses; `operator`: who ordered them.

    Connections exist already, and no history reaches back to the bulk jobs.
    """
    chance = Random(7)  # noqa: S311  # the same charts in every demo
    boss = Actor("operator", operator, "127.0.0.1", secrets.token_hex(6))
    with writing() as session:
        _add_figures(session, runtime, chance, now)
        events = [*_add_service(session, runtime, boss, chance, now)]
        for ago, size, failed in _JOBS:
            events += _add_refresh(session, runtime, boss, now - ago, size, failed)
        events += _add_disconnect(session, runtime, boss, now - _DISCONNECTED_AGO)
        members.record_events(session, sorted(events, key=lambda event: event.at))


def _add_figures(session: Session, runtime: Runtime, chance: Random, now: datetime) -> None:
    people = session.scalar(
        select(func.count()).where(
            User.client_key == runtime.client_key,
            User.status.in_((Status.ACTIVE.value, Status.FAILING.value)),
        )
    )
    usual = max(20.0, (people or 0) * _REFRESHES_AN_HOUR)
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    for hours in range(1, DAYS_WITH_FIGURES * 24):
        # The number of people has grown to what it is now.
        refreshed = int(usual * (1 - hours / 2400) * chance.uniform(0.85, 1.15))
        failed = int(usual * chance.uniform(0.02, 0.2)) if chance.random() < 0.02 else 0
        _add_counts(session, runtime, this_hour - hours * _HOUR, refreshed, failed)
    for minutes in range(5, 60, 5):
        part = max(1, round(usual / 12))
        _add_counts(session, runtime, now - timedelta(minutes=minutes), part, 0)


def _add_counts(
    session: Session, runtime: Runtime, at: datetime, refreshed: int, failed: int
) -> None:
    slow = refreshed // 6
    counts = {"refreshed": refreshed, "ms.100": refreshed - slow, "ms.250": slow}
    if failed:
        counts |= {"failed.transient": failed, "ms.5000": failed}
    figures.add_counts(session, runtime.client_key, at, counts)


def _add_service(
    session: Session, runtime: Runtime, boss: Actor, chance: Random, now: datetime
) -> Iterator[Event]:
    """Add a service, whose key nobody knows, and which has had tokens of most connections."""
    key = ServiceKey(
        id=secrets.token_hex(6),
        name=SERVICE,
        digest=hashlib.sha256(secrets.token_bytes(32)).hexdigest(),
        created_at=now - 75 * _DAY,
        last_used_at=now - timedelta(minutes=4),
    )
    session.add(key)
    yield Event(key.created_at, boss, "key.issued", None, {"key": key.id, "name": SERVICE})
    used = select(User.id, User.ticket, User.connected_at, User.last_used_at).where(
        User.client_key == runtime.client_key, User.last_used_at.is_not(None)
    )
    service = Actor("service", SERVICE, "127.0.0.1", secrets.token_hex(6))
    uses = []
    for user in session.execute(used.order_by(User.id)).all():
        if chance.random() < 0.7:
            first = max(key.created_at, user.connected_at)
            first += (user.last_used_at - first) * chance.uniform(0, 0.3)
            first = min(first, user.last_used_at)
            use = {"user_id": user.id, "key_id": key.id, "first_at": first}
            uses.append(use | {"last_at": user.last_used_at})
            yield Event(first, service, "connection.handed_out", user.ticket, {"service": SERVICE})
    if uses:
        session.execute(insert(ServiceUse), uses)


def _add_refresh(
    session: Session, runtime: Runtime, boss: Actor, at: datetime, size: int, failed: int
) -> Sequence[Event]:
    """Add a finished bulk refresh of connections that worked then; nothing if there are none."""
    worked = select(User.id, User.ticket).where(
        User.client_key == runtime.client_key,
        User.status == Status.ACTIVE.value,
        User.connected_at < at - _HOUR,
    )
    people = session.execute(worked.order_by(User.id.desc()).limit(size)).all()
    if not people:
        return []
    failed = min(failed, len(people) - 1)
    job = _add_job(session, runtime, boss, "refresh", at, len(people), failed)
    items = [_item(job, n, *row, ItemState.FAILED, _FAILED) for n, row in enumerate(people)]
    session.execute(insert(BulkItem), items)
    return _job_events(job, boss)


def _add_disconnect(
    session: Session, runtime: Runtime, boss: Actor, at: datetime
) -> Sequence[Event]:
    """Add a finished bulk disconnect of people who have reconnected since; nothing if too few.

    TikTok did not confirm it for all.
    """
    back = select(User.id, User.ticket).where(
        User.client_key == runtime.client_key,
        User.status == Status.ACTIVE.value,
        User.operator_since.is_(None),
        User.created_at < at - _HOUR,
        User.connected_at > at + _HOUR,
    )
    people = session.execute(back.order_by(User.id).limit(_DISCONNECTED)).all()
    if len(people) <= _UNCONFIRMED:
        return []
    job = _add_job(session, runtime, boss, "disconnect", at, len(people), _UNCONFIRMED)
    items = [
        _item(job, n, *row, ItemState.UNCONFIRMED, _NOT_CONFIRMED) for n, row in enumerate(people)
    ]
    session.execute(insert(BulkItem), items)
    by, events = Actor("worker", job.id), [*_job_events(job, boss)]
    for (_user_id, ticket), item in zip(people, items, strict=True):
        answer: dict[str, Field] = {"confirmed": item["code"] is None, "code": item["code"] or ""}
        ordered, ended = item["sent_at"], item["ended_at"]
        events.append(Event(ordered, by, "connection.disconnect_ordered", ticket))
        events.append(Event(ended, by, "connection.revoked", ticket, answer))
    return events


def _add_job(
    session: Session,
    runtime: Runtime,
    boss: Actor,
    act: str,
    at: datetime,
    total: int,
    failed: int,
) -> BulkJob:
    """Add a finished job without its items."""
    job = BulkJob(
        id=secrets.token_urlsafe(12),
        client_key=runtime.client_key,
        act=act,
        actor=boss.name,
        address=boss.address,
        created_at=at,
        gathered_to=None,
        total=total,
        done=total - failed,
        failed=failed,
        ended_at=at + timedelta(seconds=2 + total / 8),
    )
    session.add(job)
    session.flush()
    return job


def _job_events(job: BulkJob, boss: Actor) -> Sequence[Event]:
    at = job.created_at
    ordered: dict[str, Field] = {"job": job.id, "act": job.act, "count": job.total, "query": ""}
    ended: dict[str, Field] = {"job": job.id, "done": job.done, "failed": job.failed, "skipped": 0}
    return [
        Event(at, boss, "bulk.ordered", None, ordered),
        Event(job.ended_at or at, _WORKER, "bulk.ended", None, ended),
    ]


def _item(
    job: BulkJob, number: int, user_id: int, ticket: str, failure: ItemState, code: str
) -> dict[str, Any]:
    """Return an item's columns; the first `job.failed` items failed, with this state and code."""
    sent = job.created_at + timedelta(seconds=1 + number / 8)
    failed = number < job.failed
    return {
        "job_id": job.id,
        "user_id": user_id,
        "ticket": ticket,
        "state": (failure if failed else ItemState.DONE).value,
        "sent_at": sent,
        "ended_at": sent + timedelta(milliseconds=300),
        "code": code if failed else None,
    }
