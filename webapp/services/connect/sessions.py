"""Who is signed in with which browser; their life ends on the server, not in the cookie."""

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Delete, ScalarSelect, Select, delete, or_, select, update
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import BrowserSession, PersonRef, User
from webapp.services import authority, people
from webapp.services.records import audit
from webapp.services.runtime import Runtime

#: `seen_at` is written at most this often, so that reading a page seldom writes.
SEEN_EVERY = timedelta(minutes=5)
#: So many browsers are listed; whoever has more ends them all at once.
MOST = 50
#: So many sessions whose life is over are removed with each sign-in.
OLD_AT_ONCE = 100


class NoSuchSession(Exception):
    """This person has no session of this key, or its life is over."""


@dataclass(frozen=True)
class Visitor:
    """The person behind a request, as pages may know them."""

    ref: PersonRef
    open_id: str
    name: str | None
    operator: bool
    #: Names the session in the database; good for nothing in a cookie.
    session: str = field(repr=False)

    @property
    def ticket(self) -> str:
        """Return what the person knows themselves by."""
        return self.ref.ticket


@dataclass(frozen=True, slots=True)
class Device:
    """The browser that is to be signed in."""

    #: "Firefox" and "Linux"; None: nobody could tell.
    browser: str | None = None
    system: str | None = None
    #: The secret of the session that it has now, which ends; empty: it has none.
    replaces: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Browser:
    """One signed-in browser, as its person may know it."""

    #: Names it among the sessions of one person, and is good for nothing else.
    key: str
    #: "Firefox" and "Linux"; None: nobody could tell.
    browser: str | None
    system: str | None
    since: datetime
    seen_at: datetime
    #: It is the one that asks.
    this_one: bool


def begin(session: Session, runtime: Runtime, user: User, device: Device, now: datetime) -> str:
    """Sign a browser in and return the secret for its cookie: 256 bits, stored as a hash.

    In the caller's transaction, which has just found or made the person's row and holds it: what
    is signed in is the person that it stored, whoever else is deleted or connects meanwhile.
    """
    secret = secrets.token_urlsafe(32)
    if device.replaces:
        session.execute(_of_secret(device.replaces))
    session.execute(delete(BrowserSession).where(BrowserSession.digest.in_(_old(runtime, now))))
    session.add(
        BrowserSession(
            digest=digest_of(secret),
            user_id=user.id,
            created_at=now,
            seen_at=now,
            browser=device.browser,
            system=device.system,
        )
    )
    return secret


def find(runtime: Runtime, secret: str, now: datetime) -> Visitor | None:
    """Return who is signed in with this secret; None if nobody, or if its life is over."""
    digest = digest_of(secret)
    with reading() as session:
        row = session.execute(
            select(BrowserSession, User)
            .join(User, User.id == BrowserSession.user_id)
            .where(BrowserSession.digest == digest, ~or_(*_over(runtime, now)))
        ).first()
    if row is None:
        return None
    browser, user = row
    if now - browser.seen_at > SEEN_EVERY and not _seen(digest, now):
        return None
    return Visitor(
        ref=user.ref,
        open_id=user.open_id,
        name=user.display_name,
        operator=user.operator_since is not None,
        session=digest,
    )


def of(
    session: Session, runtime: Runtime, person: PersonRef, secret: str, now: datetime
) -> list[Browser]:
    """Return where a person is signed in: the browser of this secret, then the latest seen.

    No more than MOST.
    """
    here = digest_of(secret)
    rows = session.scalars(
        select(BrowserSession)
        .where(BrowserSession.user_id == _id_of(person), ~or_(*_over(runtime, now)))
        .order_by((BrowserSession.digest == here).desc(), BrowserSession.seen_at.desc())
        .limit(MOST)
    )
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


def end(secret: str) -> None:
    """Sign this browser out; a saved cookie is dead from now on."""
    with writing() as session:
        session.execute(_of_secret(secret))


def end_one(runtime: Runtime, visitor: Visitor, key: str, secret: str) -> bool:
    """Sign one of this person's browsers out, and tell whether it is the one of this secret.

    Raises NoSuchSession for whatever is none of theirs, PersonGone, NoLongerAllowed.
    """
    now = runtime.clock()
    with writing() as session:
        _hold(session, visitor.ref)
        rows = session.scalars(
            select(BrowserSession.digest).where(
                BrowserSession.user_id == _id_of(visitor.ref), ~or_(*_over(runtime, now))
            )
        )
        digest = next((each for each in rows if _key(each) == key), None)
        if digest is None:
            raise NoSuchSession
        session.execute(delete(BrowserSession).where(BrowserSession.digest == digest))
        audit.record(session, now, "account.signed_out_one", on=visitor.ticket)
    return digest == digest_of(secret)


def end_others(visitor: Visitor, secret: str, now: datetime) -> None:
    """Sign out every browser of this person but the one of this secret.

    Raises PersonGone, NoLongerAllowed.
    """
    with writing() as session:
        _hold(session, visitor.ref)
        audit.record(session, now, "account.signed_out_others", on=visitor.ticket)
        session.execute(
            delete(BrowserSession).where(
                BrowserSession.user_id == _id_of(visitor.ref),
                BrowserSession.digest != digest_of(secret),
            )
        )


def end_everywhere(person: PersonRef, now: datetime) -> None:
    """Sign every browser of this person out. Raises PersonGone, NoLongerAllowed."""
    with writing() as session:
        _hold(session, person)
        audit.record(session, now, "account.signed_out_everywhere", on=person.ticket)
        session.execute(delete(BrowserSession).where(BrowserSession.user_id == _id_of(person)))


def digest_of(secret: str) -> str:
    """Return the hash by which a session is found."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _hold(session: Session, person: PersonRef) -> None:
    """Hold the person's row, then the right to act on it. Raises PersonGone, NoLongerAllowed."""
    if people.locked(session, person) is None:
        raise people.PersonGone
    authority.require(session)


def _id_of(person: PersonRef) -> ScalarSelect[int]:
    """Return the id of this person's row as part of a statement; no id once they are deleted."""
    return select(User.id).where(User.is_(person)).scalar_subquery()


def _of_secret(secret: str) -> Delete:
    return delete(BrowserSession).where(BrowserSession.digest == digest_of(secret))


def _old(runtime: Runtime, now: datetime) -> Select[str]:
    """Return some sessions whose life is over; two sign-ins at once take different ones."""
    return (
        select(BrowserSession.digest)
        .where(or_(*_over(runtime, now)))
        .limit(OLD_AT_ONCE)
        .with_for_update(skip_locked=True)
    )


def _over(runtime: Runtime, now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    settings = runtime.settings
    return (
        BrowserSession.created_at < now - timedelta(days=settings.session_days),
        BrowserSession.seen_at < now - timedelta(hours=settings.session_idle_hours),
    )


def _seen(digest: str, now: datetime) -> bool:
    """Write down that a session is in use; False: it has ended in this very moment."""
    with writing() as session:
        seen = session.scalar(
            update(BrowserSession)
            .where(BrowserSession.digest == digest)
            .values(seen_at=now)
            .returning(BrowserSession.digest)
            .execution_options(synchronize_session=False)
        )
    return seen is not None


def _key(digest: str) -> str:
    # A hash again, so that a page shows nothing of what the table keeps.
    return hashlib.sha256(f"key of {digest}".encode()).hexdigest()[:16]
