"""Who is signed in with which browser; their life ends on the server, not in the cookie."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, select

from webapp.database import reading, writing
from webapp.models import BrowserSession, User
from webapp.services import audit
from webapp.services.house import House

#: `seen_at` is written at most this often, so that reading a page seldom writes.
SEEN_EVERY = timedelta(minutes=5)


class PersonGone(Exception):
    """There is no such person any more."""


@dataclass(frozen=True)
class Visitor:
    """The person behind a request, as pages may know them."""

    user_id: int
    open_id: str
    name: str | None
    ticket: str
    operator: bool


def begin(house: House, user_id: int, now: datetime) -> str:
    """Sign a browser in and return the secret for its cookie: 256 bits, kept here as a hash.

    Raises PersonGone if another browser deleted the account in this very moment.
    """
    secret = secrets.token_urlsafe(32)
    with writing() as session:
        if session.get(User, user_id, with_for_update=True) is None:
            raise PersonGone
        session.execute(delete(BrowserSession).where(or_(*_over(house, now))))
        session.add(
            BrowserSession(digest=_digest(secret), user_id=user_id, created_at=now, seen_at=now)
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


def end(secret: str) -> None:
    """Sign this browser out; a saved cookie is dead from now on."""
    with writing() as session:
        session.execute(delete(BrowserSession).where(BrowserSession.digest == _digest(secret)))


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
