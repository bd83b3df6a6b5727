"""Ordering bulk jobs: what a confirmation page shows, and the job that acts on that and no more.

The connections of a job are fixed in the transaction that creates it. The worker never adds any.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, unquote_plus

from sqlalchemy import ColumnElement, and_, func, insert, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from webapp.actor import current_actor
from webapp.database import reading, run, table_of, writing
from webapp.models import BulkItem, BulkJob, ItemState, Status, User
from webapp.services import authority
from webapp.services.operators import list_pages, list_query
from webapp.services.operators.list_pages import Row
from webapp.services.operators.list_query import Query
from webapp.services.records import audit
from webapp.services.runtime import Runtime

ACTS = ("refresh", "disconnect")
#: How many connections a confirmation page names.
NAMED = 10
#: A job on the same connections that was ordered within this time is mentioned.
RECENT = timedelta(minutes=10)
_MAX_QUERY = 1000
_MAX_FILTERS = 20
#: Jobs that are compared with a new order.
_COMPARED = 3
#: The form of the IDs that confirmation pages generate for their jobs.
_JOB_ID = re.compile(r"[A-Za-z0-9_-]{12,32}")


class NotAJob(Exception):
    """The ID is not one that a confirmation page generates, or the action is unknown."""


class NothingLeft(Exception):
    """None of the confirmed connections is there anymore. Nothing was ordered."""


class HasChanged(Exception):
    """More or other connections match now than were confirmed. Nothing was ordered."""


class UnreadableFilters(Exception):
    """Some filters can't be read, so it is unknown which connections are meant."""

    def __init__(self, readable: Query, ignored: tuple[str, ...]) -> None:
        """Store what can be read, and the names of what can't."""
        super().__init__("unreadable filters")
        self.readable = readable
        self.ignored = ignored


@dataclass(frozen=True, slots=True)
class JobSize:
    """How many connections a job would have."""

    count: int
    #: The sum of their row IDs, which differs if one connection has taken another's place.
    sum_of_ids: int = 0
    #: Our code for why there is nothing to do → how many connections that applies to.
    by_reason: Mapping[str, int] = field(default_factory=dict)

    @property
    def skipped(self) -> int:
        """Return how many of them would be skipped."""
        return sum(self.by_reason.values())


@dataclass(frozen=True, slots=True)
class Preview:
    """What a confirmation page shows, as of one moment."""

    at: datetime
    size: JobSize
    #: The first NAMED.
    rows: list[Row]
    #: The tickets of the selected connections; empty if all matches are meant.
    tickets: tuple[str, ...]
    #: The latest job on the same connections, if it was ordered within RECENT.
    recent: BulkJob | None


@dataclass(frozen=True, slots=True)
class Selection:
    """Which connections are meant: one of the three."""

    #: The filters of the list, as a query string: all matches, if nothing else is given.
    query: str = ""
    #: The connections that were picked from the list.
    open_ids: tuple[str, ...] | None = None
    #: Those for which this job failed.
    failed_of: str = ""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What the page had shown that was confirmed. None: it wasn't a page's form."""

    count: int | None = None
    #: When the page was made: anyone who has connected since then was not on it.
    at: datetime | None = None
    #: Of selected connections. Another ticket is another person, even with the same open_id.
    tickets: tuple[str, ...] | None = None
    #: Of a disconnect of all matches, which can't be undone: as `JobSize.sum_of_ids`.
    sum_of_ids: int | None = None


def read_filters(text: str) -> Query:
    """Return the query of a list's filters. Raises UnreadableFilters if any part can't be read.

    Unlike the list, an action must not ignore what it doesn't understand: without a misspelled
    filter, all connections match.
    """
    if len(text) > _MAX_QUERY:
        raise UnreadableFilters(Query(), ("query",))
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FILTERS)
    except ValueError:
        raise UnreadableFilters(Query(), ("query",)) from None
    found = list_query.parse_pairs(pairs)
    unknown = [name for name, value in pairs if not value.strip() and not _is_filter(name)]
    cut_short = [unquote_plus(part) for part in text.split("&") if part and "=" not in part]
    ignored = tuple(dict.fromkeys([*found.ignored, *unknown, *cut_short]))
    if len(list_query.query_string(found.query)) > _MAX_QUERY:
        # Encoded it is longer, and must be readable again.
        raise UnreadableFilters(Query(), ("query",))
    if ignored:
        raise UnreadableFilters(found.query, ignored)
    return found.query


def _is_filter(name: str) -> bool:
    """Return True for names that forms of the list send with an empty value."""
    return name in ("q", "status", "scope", "reason", "failing", "within", "sort")


def preview(runtime: Runtime, act: str, selection: Selection) -> Preview:
    """Return what a confirmation page shows. Counts every connection. Raises UnreadableFilters."""
    now = runtime.clock()
    with reading() as session:
        meant = _meant(session, runtime, selection, now)
        size = _size(session, act, meant)
        recent = _recent(session, runtime, act, meant, size.count, now)
        tickets: Sequence[str] = ()
        if selection.open_ids is not None:
            tickets = session.scalars(select(User.ticket).where(*meant).order_by(User.id)).all()
    if selection.open_ids is not None or selection.failed_of:
        rows = list_pages.first_rows(meant, now, NAMED)
    else:
        rows = list_pages.list_page(runtime, read_filters(selection.query), now, size=NAMED).rows
    return Preview(now, size, rows, tuple(tickets), recent)


def _meant(
    session: Session, runtime: Runtime, selection: Selection, now: datetime
) -> list[ColumnElement[bool]]:
    """Return the conditions of the connections that a selection means."""
    if selection.open_ids is not None:
        return _picked(runtime, selection.open_ids)
    if selection.failed_of:
        return [User.client_key + "" == runtime.client_key, *_failed_of(selection.failed_of)]
    return list_pages.matches(session, runtime, read_filters(selection.query), now)


def _failed_of(job_id: str) -> list[ColumnElement[bool]]:
    # By another name: beside the items of another job, the subqueries would mean those.
    item = aliased(BulkItem)
    failed = select(item.user_id).where(item.job_id == job_id, item.state == ItemState.FAILED.value)
    # First by ID, or the databases would look for an item for each connection.
    return [User.id.in_(failed), User.ticket.in_(failed.with_only_columns(item.ticket))]


def _picked(runtime: Runtime, open_ids: Sequence[str]) -> list[ColumnElement[bool]]:
    return [User.client_key == runtime.client_key, User.open_id.in_(open_ids)]


def _size(session: Session, act: str, conditions: Sequence[ColumnElement[bool]]) -> JobSize:
    # The IDs cost PostgreSQL a look at each row, so only what can't be undone asks for them.
    ids = func.sum(User.id) if act == "disconnect" else literal(0)
    by_status = select(User.status, func.count(), ids).where(*conditions).group_by(User.status)
    found = session.execute(by_status).all()
    counts = {status: count for status, count, _ids in found}
    by_reason: dict[str, int] = {}
    for status, count in counts.items():
        reason = reason_to_skip(act, status, holds=True)
        if reason is not None:
            by_reason[reason] = by_reason.get(reason, 0) + count
    if act == "disconnect" and Status.RECONNECT in counts:
        # A query of its own, because the one above is answered from an index alone.
        lost = (User.status == Status.RECONNECT.value, User.access_token.is_(None))
        count = session.scalar(select(func.count()).where(*conditions, *lost)) or 0
        if count:
            by_reason["disconnected"] = by_reason.get("disconnected", 0) + count
    return JobSize(sum(counts.values()), sum(int(ids) for *_, ids in found), by_reason)


def _recent(
    session: Session,
    runtime: Runtime,
    act: str,
    meant: Sequence[ColumnElement[bool]],
    count: int,
    now: datetime,
) -> BulkJob | None:
    """Return the latest recent job whose connections are exactly these."""
    found = session.scalars(
        select(BulkJob)
        .where(BulkJob.client_key == runtime.client_key, BulkJob.act == act)
        .where(BulkJob.created_at > now - RECENT, BulkJob.total == count)
        .order_by(BulkJob.created_at.desc())
        .limit(_COMPARED)
    )
    for job in found.all():
        same = and_(User.id == BulkItem.user_id, User.ticket == BulkItem.ticket)
        both = select(func.count()).select_from(BulkItem).join(User, same)
        if session.scalar(both.where(BulkItem.job_id == job.id, *meant)) == count:
            return job
    return None


def ids_of(runtime: Runtime, open_ids: Sequence[str]) -> list[int]:
    """Return the row IDs of connections, which are shorter than their open_ids."""
    with reading() as session:
        query = select(User.id).where(*_picked(runtime, open_ids)).order_by(User.id)
        return list(session.scalars(query))


def open_ids_of(runtime: Runtime, ids: Sequence[int]) -> tuple[str, ...]:
    """Return the open_ids of rows of our TikTok app; those of deleted people are missing."""
    query = select(User.open_id).where(User.client_key == runtime.client_key, User.id.in_(ids))
    with reading() as session:
        return tuple(session.scalars(query.order_by(User.id)))


def reason_to_skip(act: str, status: str, *, holds: bool) -> str | None:
    """Return our code for why there is nothing to do for a row; None if there is.

    `holds`: the row has the token that the action needs.
    """
    if status in (Status.REVOKING, Status.REVOKED) or not holds and act == "disconnect":
        return "disconnected"
    if act == "refresh" and (status == Status.RECONNECT or not holds):
        return "needs_person"
    return None


def create_job(
    runtime: Runtime,
    job_id: str,
    act: str,
    selection: Selection,
    confirmed: Confirmed,
) -> None:
    """Request an action on the selected connections; nothing if the job exists.

    They are determined in this transaction, and stored with their tickets: anyone who matches later
    is not part of the job. What was searched for is stored nowhere, as it may name someone who
    leaves. Raises NotAJob, UnreadableFilters, HasChanged, NothingLeft, NoLongerAllowed; and
    SignInTooOld if the act is a disconnect.
    """
    if not _JOB_ID.fullmatch(job_id) or act not in ACTS:
        raise NotAJob
    now, by = runtime.clock(), current_actor()
    shown = list_query.for_audit(selection.query)
    job = BulkJob(
        id=job_id,
        client_key=runtime.client_key,
        act=act,
        actor=by.name,
        address=by.address,
        query=list_query.without_search(selection.query),
        created_at=now,
        total=0,
    )
    try:
        with writing() as session:
            _require(session, act, runtime.clock())
            session.add(job)
            # A repeated request fails here, before anything else is written.
            session.flush()
            meant = _meant(session, runtime, selection, now)
            job.total = _add_items(session, job_id, meant, confirmed)
            audit.record(
                session, now, "bulk.ordered", job=job_id, act=act, count=job.total, query=shown
            )
    except IntegrityError:
        return


def _require(session: Session, act: str, now: datetime) -> None:
    if act == "disconnect":
        authority.require_fresh(session, now)
    else:
        authority.require(session)


def _add_items(
    session: Session, job_id: str, meant: list[ColumnElement[bool]], confirmed: Confirmed
) -> int:
    """Add what is meant and was confirmed, in one statement. Return how many.

    Raises HasChanged, NothingLeft.
    """
    # IDs first, from an index alone: rows with their tokens are large.
    ids = select(User.id).where(*meant)
    rows = select(literal(job_id), User.id, User.ticket, literal(ItemState.WAITING.value))
    rows = rows.where(User.id.in_(ids)).order_by(User.id)
    if confirmed.at is not None:
        rows = rows.where(User.connected_at <= confirmed.at)
    if confirmed.tickets is not None:
        rows = rows.where(User.ticket.in_(confirmed.tickets))
    if confirmed.count is not None:
        rows = rows.limit(confirmed.count + 1)
    added = insert(table_of(BulkItem)).from_select(["job_id", "user_id", "ticket", "state"], rows)
    # PostgreSQL's count of inserted rows is dropped otherwise.
    count = run(session, added.execution_options(preserve_rowcount=True)).rowcount
    if confirmed.count is not None and count > confirmed.count:
        raise HasChanged
    if count == 0:
        raise NothingLeft
    if confirmed.sum_of_ids is not None:
        ids_added = select(func.sum(BulkItem.user_id)).where(BulkItem.job_id == job_id)
        if int(session.scalar(ids_added) or 0) != confirmed.sum_of_ids:
            raise HasChanged
    return count
