"""Sessions: who is signed in on which device. They expire on the server, not in the cookie."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import (
    ColumnElement,
    Delete,
    Integer,
    ScalarSelect,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.database import first_row, run, table_of, writing
from webapp.models import AuditEvent, BrowserSession, PersonRef, User
from webapp.services import people
from webapp.services.records import audit
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

#: `seen_at` is written at most this often, so most page views write nothing.
SEEN_EVERY = timedelta(minutes=5)
#: The account page lists at most this many devices.
MAX_LISTED = 50
#: Nobody is signed in on more: otherwise, anyone with one account could fill the table.
MAX_DEVICES = 50
#: At most this many expired sessions are removed with each sign-in.
MAX_REMOVED = 100
#: These also end every sign-in that was in progress on another device.
_SIGN_OUTS = ("account.signed_out_everywhere", "account.signed_out_others")

_table = table_of(BrowserSession)
_sessions, _users, _events = _table.c, table_of(User).c, table_of(AuditEvent).c

# Built once, as these run with every request or every sign-in.
_FIND = (
    select(_users.id, _users.ticket, _users.open_id, _users.display_name, _users.operator_since)
    .add_columns(_sessions.seen_at, _sessions.replaces)
    .join_from(_table, table_of(User), _users.id == _sessions.user_id)
    .where(_sessions.digest == bindparam("digest"))
    .where(_sessions.created_at >= bindparam("began_after"))
    .where(_sessions.seen_at >= bindparam("seen_after"))
)
#: By the person's row with both id and ticket, so a deleted person has none.
_OF_PERSON = (
    select(_sessions.digest, _sessions.browser, _sessions.system)
    .add_columns(_sessions.created_at, _sessions.seen_at)
    .join_from(_table, table_of(User), _users.id == _sessions.user_id)
    .where(_users.id == bindparam("the_id"), _users.ticket == bindparam("the_ticket"))
    .where(_sessions.created_at >= bindparam("began_after"))
    .where(_sessions.seen_at >= bindparam("seen_after"))
    .order_by((_sessions.digest == bindparam("here")).desc(), _sessions.seen_at.desc())
    .limit(bindparam("most", type_=Integer))
)
_INSERT = insert(_table)
_theirs = _sessions.user_id == bindparam("user_id")
_unused = _sessions.seen_at < bindparam("unused_since")
#: What decides about a new session of a person whose row is locked.
_BEFORE_ONE_MORE = select(
    # The device that signed out all others has kept its session, so it may finish its own sign-in.
    exists().where(_sessions.digest == bindparam("replaces"), _theirs).label("is_kept"),
    exists()
    .where(_events.ticket == bindparam("ticket"), _events.at > bindparam("began_at"))
    .where(_events.event.in_(_SIGN_OUTS))
    .label("signed_out"),
    exists().where(_unused).label("any_expired"),
    select(func.count()).select_from(_table).where(_theirs).scalar_subquery().label("devices"),
)
#: Some of the expired sessions; concurrent sign-ins get different ones. By the index on `seen_at`:
#: a session that is too old can't be used, so it is soon unused for too long as well.
_DELETE_EXPIRED = delete(_table).where(
    _sessions.digest.in_(
        select(_sessions.digest).where(_unused).limit(MAX_REMOVED).with_for_update(skip_locked=True)
    )
)


class NoSuchSession(Exception):
    """This person has no session with this key, or it has expired."""


@dataclass(frozen=True)
class Visitor:
    """The person behind a request, as far as views may know them."""

    ref: PersonRef
    open_id: str
    name: str | None
    operator: bool
    #: The session's key in the database, which isn't accepted in a cookie.
    session: str = field(repr=False)

    @property
    def ticket(self) -> str:
        """Return the person's ticket."""
        return self.ref.ticket


@dataclass(frozen=True, slots=True)
class Device:
    """The device that is to be signed in."""

    #: Such as "Firefox" and "Linux"; None if unknown.
    browser: str | None = None
    system: str | None = None
    #: The secret of the device's current session, which ends when the new one is first used; empty
    #: if it has none.
    replaces: str = field(default="", repr=False)
    #: When this sign-in began; None: it isn't one that a person begins and may end elsewhere.
    began_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Browser:
    """One signed-in device, as its person sees it."""

    #: Identifies the session among those of its person, and is accepted nowhere else.
    key: str
    #: Such as "Firefox" and "Linux"; None if unknown.
    browser: str | None
    system: str | None
    since: datetime
    seen_at: datetime
    #: True for the device that sent this request.
    this_one: bool


def begin(
    session: Session, runtime: Runtime, user: PersonRef | User, device: Device, now: datetime
) -> str:
    """Sign a device in and return the secret for its cookie: 256 bits, stored as a hash.

    If the person has too many devices, those that were seen longest ago are signed out. Must run
    in the transaction that found or created the person's row and has it locked, so it can't become
    another person's row in between. The secret is empty, and nobody is signed in, if the person has
    signed out their devices since this sign-in began.
    """
    settings = runtime.settings
    replaces = digest_of(device.replaces) if device.replaces else None
    life = min(timedelta(days=settings.session_days), timedelta(hours=settings.session_idle_hours))
    facts = {"user_id": user.id, "ticket": user.ticket, "replaces": replaces or ""}
    facts |= {"began_at": device.began_at or now, "unused_since": now - life}
    found = run(session, _BEFORE_ONE_MORE, facts).one()
    if device.began_at is not None and found.signed_out and not found.is_kept:
        return ""
    if found.any_expired:
        run(session, _DELETE_EXPIRED, {"unused_since": now - life})
    if found.devices >= MAX_DEVICES:
        session.execute(_delete_all_but(user.id, MAX_DEVICES - 1))
    secret = secrets.token_urlsafe(32)
    row = {"digest": digest_of(secret), "user_id": user.id, "created_at": now, "seen_at": now}
    row |= {"browser": device.browser, "system": device.system, "replaces": replaces}
    run(session, _INSERT, row)
    return secret


def find(runtime: Runtime, secret: str, now: datetime, *, arrived: bool = True) -> Visitor | None:
    """Return who is signed in with this secret; None if nobody is or the session has expired.

    `arrived`: it came from the browser, so the browser's former session ends.
    """
    digest = digest_of(secret)
    found = first_row(_FIND, {"digest": digest, **_bounds(runtime, now)})
    if found is None:
        return None
    if arrived and found.replaces is not None and not _end_former(digest, found.replaces):
        return None
    if now - found.seen_at > SEEN_EVERY and not _record_seen(digest, now):
        return None
    return Visitor(
        ref=PersonRef(found.id, found.ticket),
        open_id=found.open_id,
        name=found.display_name,
        operator=found.operator_since is not None,
        session=digest,
    )


def of(
    session: Session, runtime: Runtime, person: PersonRef, secret: str, now: datetime
) -> list[Browser]:
    """Return a person's signed-in devices: the one with this secret, then the last seen first.

    At most MAX_LISTED.
    """
    here = digest_of(secret)
    values = {"the_id": person.id, "the_ticket": person.ticket, "here": here, "most": MAX_LISTED}
    rows = run(session, _OF_PERSON, values | _bounds(runtime, now))
    return [
        Browser(
            key=_key(row.digest),
            browser=row.browser,
            system=row.system,
            since=row.created_at,
            seen_at=row.seen_at,
            this_one=row.digest == here,
        )
        for row in rows
    ]


def begin_again(
    runtime: Runtime, person: PersonRef, first: str, device: Device, now: datetime
) -> str | None:
    """Sign in a device that lost the response with its new session; return the secret of another.

    `first` is the digest of the lost one. None if that has ended, because the person has signed out
    everywhere or deleted the account.
    """
    with writing(durable=True) as session:
        user = people.locked(session, person)
        if user is None or session.get(BrowserSession, first) is None:
            return None
        secret = begin(session, runtime, user, device, now)
        if not device.replaces:
            session.execute(
                update(BrowserSession)
                .where(BrowserSession.digest == digest_of(secret))
                .values(replaces=first)
            )
    return secret


def end(secret: str) -> bool:
    """Sign this device out; a saved copy of its cookie no longer works.

    Return False if the database can't be written, so the session has not ended.
    """
    try:
        with writing(durable=True) as session:
            session.execute(_delete_by_secret(secret))
    except SQLAlchemyError as error:
        return _not_ended(error)
    return True


def end_one(runtime: Runtime, visitor: Visitor, key: str, secret: str) -> bool:
    """Sign out one of this person's devices. Return True if it is the one with this secret.

    Raises NoSuchSession if this person has no such session, PersonGone, NoLongerAllowed.
    """
    now = runtime.clock()
    with writing(durable=True) as session:
        people.locked_for_caller(session, visitor.ref)
        rows = session.scalars(
            select(BrowserSession.digest).where(
                BrowserSession.user_id == _id_of(visitor.ref), ~_is_expired(runtime, now)
            )
        )
        digest = next((each for each in rows if _key(each) == key), None)
        if digest is None:
            raise NoSuchSession
        session.execute(delete(BrowserSession).where(BrowserSession.digest == digest))
        audit.record(session, now, "account.signed_out_one", on=visitor.ticket)
    return digest == digest_of(secret)


def end_others(visitor: Visitor, secret: str, now: datetime) -> None:
    """Sign out every device of this person except the one with this secret.

    Raises PersonGone, NoLongerAllowed.
    """
    with writing(durable=True) as session:
        people.locked_for_caller(session, visitor.ref)
        audit.record(session, now, "account.signed_out_others", on=visitor.ticket)
        session.execute(
            delete(BrowserSession).where(
                BrowserSession.user_id == _id_of(visitor.ref),
                BrowserSession.digest != digest_of(secret),
            )
        )


def end_everywhere(person: PersonRef, now: datetime) -> bool:
    """Sign out every device of this person. Raises PersonGone, NoLongerAllowed.

    Return False if the database can't be written, so no session has ended.
    """
    try:
        with writing(durable=True) as session:
            people.locked_for_caller(session, person)
            audit.record(session, now, "account.signed_out_everywhere", on=person.ticket)
            session.execute(delete(BrowserSession).where(BrowserSession.user_id == _id_of(person)))
    except SQLAlchemyError as error:
        return _not_ended(error)
    return True


def _not_ended(error: SQLAlchemyError) -> bool:
    log.error("session_not_ended", error=type(error).__name__)
    return False


def digest_of(secret: str) -> str:
    """Return the hash by which a session is found."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _id_of(person: PersonRef) -> ScalarSelect[int]:
    """Return a subquery for the ID of this person's row; it finds none once they are deleted."""
    return select(User.id).where(User.is_(person)).scalar_subquery()


def _delete_by_secret(secret: str) -> Delete:
    return delete(BrowserSession).where(BrowserSession.digest == digest_of(secret))


def _delete_all_but(user_id: int, number: int) -> Delete:
    """Return the deletion of a person's sessions, except for so many that were seen last."""
    theirs = select(BrowserSession.digest).where(BrowserSession.user_id == user_id)
    older = theirs.order_by(BrowserSession.seen_at.desc(), BrowserSession.digest).offset(number)
    return delete(BrowserSession).where(BrowserSession.digest.in_(older))


def _bounds(runtime: Runtime, now: datetime) -> dict[str, datetime]:
    """Return the times before which a session must not have begun or been seen last."""
    settings = runtime.settings
    return {
        "began_after": now - timedelta(days=settings.session_days),
        "seen_after": now - timedelta(hours=settings.session_idle_hours),
    }


def _is_expired(runtime: Runtime, now: datetime) -> ColumnElement[bool]:
    bounds = _bounds(runtime, now)
    return or_(
        BrowserSession.created_at < bounds["began_after"],
        BrowserSession.seen_at < bounds["seen_after"],
    )


def _end_former(digest: str, former: str) -> bool:
    """End the session that this one replaces. Return False if this one has ended itself.

    If the database can't be written, the next request does it.
    """
    try:
        with writing() as session:
            there = _change(session, digest, replaces=None)
            if there:
                session.execute(delete(BrowserSession).where(BrowserSession.digest == former))
    except SQLAlchemyError as error:
        log.warning("former_session_not_ended", error=type(error).__name__)
        return True
    return there


def _record_seen(digest: str, now: datetime) -> bool:
    """Record that a session is in use. Return False if it has ended in the meantime.

    A database that can't be written doesn't sign anybody out: they couldn't even sign out here.
    """
    try:
        with writing() as session:
            there = _change(session, digest, seen_at=now)
    except SQLAlchemyError as error:
        log.warning("session_use_not_recorded", error=type(error).__name__)
        return True
    return there


def _change(session: Session, digest: str, **values: datetime | None) -> bool:
    """Change a session's columns. Return False if it has ended."""
    changed = update(BrowserSession).where(BrowserSession.digest == digest).values(**values)
    return session.scalar(changed.returning(BrowserSession.digest)) is not None


def _key(digest: str) -> str:
    # Hashed again, so pages don't reveal what the table stores.
    return hashlib.sha256(f"key of {digest}".encode()).hexdigest()[:16]
