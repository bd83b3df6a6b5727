"""Who is signed in with which browser; their life ends on the server, not in the cookie."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, select
from sqlalchemy.orm import Session

from webapp.database import reading, writing
from webapp.models import BrowserSession, User
from webapp.services import audit
from webapp.services.house import House

#: `seen_at` is written at most this often, so that reading a page seldom writes.
SEEN_EVERY = timedelta(minutes=5)
#: So many browsers are listed; whoever has more ends them all at once.
MOST = 50


class PersonGone(Exception):
    """There is no such person any more."""


class NoSuchSession(Exception):
    """This person has no session of this key, or its life is over."""


@dataclass(frozen=True)
class Visitor:
    """The person behind a request, as pages may know them."""

    user_id: int
    open_id: str
    name: str | None
    ticket: str
    operator: bool


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


def begin(
    house: House,
    user_id: int,
    now: datetime,
    *,
    browser: str | None = None,
    system: str | None = None,
) -> str:
    """Sign a browser in and return the secret for its cookie: 256 bits, kept here as a hash.

    Raises PersonGone if another browser deleted the account in this very moment.
    """
    secret = secrets.token_urlsafe(32)
    with writing() as session:
        if session.get(User, user_id, with_for_update=True) is None:
            raise PersonGone
        session.execute(delete(BrowserSession).where(or_(*_over(house, now))))
        session.add(
            BrowserSession(
                digest=_digest(secret),
                user_id=user_id,
                created_at=now,
                seen_at=now,
                browser=browser,
                system=system,
            )
        )
    return secret


def find(house: House, secret: str, now: datetime) -> Visitor | None:
    """Return who is signed in with this secret; None if nobody, or if its life is over."""
    digest = _digest(secret)
    with reading() as session:
        row = session.execute(
            select(BrowserSession, User)
            .join(User, User.id == BrowserSession.user_id)
            .where(BrowserSession.digest == digest, ~or_(*_over(house, now)))
        ).first()
    if row is None:
        return None
    browser, user = row
    if now - browser.seen_at > SEEN_EVERY:
        _seen(digest, now)
    return Visitor(
        user_id=user.id,
        open_id=user.open_id,
        name=user.display_name,
        ticket=user.ticket,
        operator=user.operator_since is not None,
    )


def of(session: Session, house: House, user_id: int, secret: str, now: datetime) -> list[Browser]:
    """Return where a person is signed in: the browser of this secret, then the latest seen.

    No more than MOST.
    """
    here = _digest(secret)
    rows = session.scalars(
        select(BrowserSession)
        .where(BrowserSession.user_id == user_id, ~or_(*_over(house, now)))
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
        session.execute(delete(BrowserSession).where(BrowserSession.digest == _digest(secret)))


def end_one(house: House, visitor: Visitor, key: str, secret: str) -> bool:
    """Sign one of this person's browsers out, and tell whether it is the one of this secret.

    Raises NoSuchSession for whatever is none of theirs.
    """
    now = house.clock()
    with writing() as session:
        rows = session.scalars(
            select(BrowserSession.digest).where(
                BrowserSession.user_id == visitor.user_id, ~or_(*_over(house, now))
            )
        )
        digest = next((each for each in rows if _key(each) == key), None)
        if digest is None:
            raise NoSuchSession
        session.execute(delete(BrowserSession).where(BrowserSession.digest == digest))
        audit.record(session, now, "account.signed_out_one", on=visitor.ticket)
    return digest == _digest(secret)


def end_others(visitor: Visitor, secret: str, now: datetime) -> None:
    """Sign out every browser of this person but the one of this secret."""
    with writing() as session:
        audit.record(session, now, "account.signed_out_others", on=visitor.ticket)
        session.execute(
            delete(BrowserSession).where(
                BrowserSession.user_id == visitor.user_id, BrowserSession.digest != _digest(secret)
            )
        )


def end_everywhere(user_id: int, ticket: str, now: datetime) -> None:
    """Sign every browser of this person out."""
    with writing() as session:
        audit.record(session, now, "account.signed_out_everywhere", on=ticket)
        session.execute(delete(BrowserSession).where(BrowserSession.user_id == user_id))


def _over(house: House, now: datetime) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    settings = house.settings
    return (
        BrowserSession.created_at < now - timedelta(days=settings.session_days),
        BrowserSession.seen_at < now - timedelta(hours=settings.session_idle_hours),
    )


def _seen(digest: str, now: datetime) -> None:
    with writing() as session:
        browser = session.get(BrowserSession, digest)
        if browser is not None:
            browser.seen_at = now


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(digest: str) -> str:
    # A hash again, so that a page shows nothing of what the table keeps.
    return hashlib.sha256(f"key of {digest}".encode()).hexdigest()[:16]
