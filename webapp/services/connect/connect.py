"""Connects a person: stores the tokens of a sign-in in their row."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import structlog
from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.actor import acting_as, current_actor
from webapp.database import NotOnDisk, reading, writing
from webapp.models import PersonRef, Status
from webapp.models.user import scopes_in
from webapp.services import people
from webapp.services.connect import person_row, sessions, spent_states
from webapp.services.connect.person_row import Stored
from webapp.services.connect.sessions import Device
from webapp.services.connect.user_info import FreshGrant
from webapp.services.installation import binding
from webapp.services.notifications import outbox
from webapp.services.records import audit
from webapp.services.refresh import rescue_file
from webapp.services.refresh.on_demand import Access
from webapp.services.runtime import Runtime
from webapp.tiktok.errors import (
    AccessRefused,
    ConnectAgain,
    OurConfiguration,
    TikTokError,
    TryLater,
)
from webapp.tiktok.scopes import BASIC
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

#: How long a sign-in waits for the same person's disconnect, and how often it checks, in seconds.
PATIENCE = 15.0
_POLL_SECONDS = 0.05
#: Longer than a disconnect needs from its first mark in the row to TikTok's response: two calls.
REVOKE_TAKES = timedelta(seconds=30)

_ENDED = (Status.REVOKING, Status.REVOKED)
#: Our code for a sign-in after `flask tokens copy`, into the old database.
MOVED = "database_moved"

#: new: connected for the first time · again: the connection had ended · returned: it was working.
Kind = Literal["new", "again", "returned"]


class _Disconnected(Exception):
    """The person disconnected while this grant was made, so the revoke may have ended it, too."""

    def __init__(self, *, under_way: bool) -> None:
        super().__init__("disconnected")
        self.under_way = under_way


class RequiredScopeMissing(Exception):
    """The person left out the scope that says whose account this is."""


class DifferentAccount(Exception):
    """The sign-in began in one person's session and ended with another person's account."""

    def __init__(self, open_id: str) -> None:
        """Store the open_id of the account that came back."""
        super().__init__("another account")
        self.open_id = open_id


class NotStored(Exception):
    """The database didn't accept the tokens of a sign-in, so nobody is signed in."""

    def __init__(self, *, rescued: bool) -> None:
        """Take True if they are in the rescue file; otherwise they were revoked, if possible."""
        super().__init__("not stored")
        self.rescued = rescued


@dataclass(frozen=True)
class Connected:
    """The result of connecting."""

    person: PersonRef
    open_id: str
    kind: Kind
    #: The scopes that somebody who returned has granted in addition.
    added: tuple[str, ...] = ()
    #: The secret of the new session, for the cookie; empty if no device was to be signed in.
    secret: str = field(default="", repr=False)
    #: The grant that was just stored; None if a later one had been stored already.
    fresh: FreshGrant | None = None


@dataclass(frozen=True, slots=True)
class _SignIn:
    """What came back from TikTok, and what is to be stored with it."""

    runtime: Runtime
    tokens: TokenSet
    #: The requested scopes.
    asked: Collection[str]
    #: The time of connecting; None: when the transaction begins.
    at: datetime | None
    device: Device | None
    #: Its OAuth state; empty: none.
    state: str = field(repr=False)

    @property
    def open_id(self) -> str:
        return str(self.tokens.open_id)


def connect_person(
    runtime: Runtime,
    tokens: TokenSet,
    asked: Collection[str],
    viewer: str | None,
    now: datetime | None = None,
    device: Device | None = None,
    state: str = "",
) -> Connected:
    """Store the tokens of an exchange under their open_id and clear every failure mark (rule 54).

    `viewer` is the open_id that this sign-in must end with; None: any. `now` is the time of
    connecting; None: when the transaction begins, so a connect that waits for the lock comes after
    what was requested in the meantime. If a later exchange of this person has been stored already,
    its tokens stay. `device` is signed in within the same transaction, so the
    row can't become another person's in between. What the sign-in led to is recorded there under
    `state`, for a browser that doesn't receive the response.
    Raises RequiredScopeMissing, DifferentAccount, ConnectAgain if a disconnect at the same time has
    ended this grant, too, and TryLater if that disconnect doesn't end. Then nobody is signed in, no
    row is created, and a grant that belongs to no connected person is revoked. Raises NotStored if
    the database can't be written, for instance because its disk is full.
    """
    if tokens.scopes is None:
        # An answer without a scope grants what was requested (RFC 6749 §5.1).
        tokens = replace(tokens, scopes=frozenset(asked))
    try:
        return _connect(_SignIn(runtime, tokens, asked, now, device, state), viewer)
    except SQLAlchemyError as error:
        raise NotStored(rescued=_rescue(runtime, tokens, error)) from error


def _connect(sign_in: _SignIn, viewer: str | None) -> Connected:
    if BASIC not in (sign_in.tokens.scopes or ()):
        _keep_or_revoke(sign_in)
        raise RequiredScopeMissing
    if viewer is not None and viewer != sign_in.open_id:
        _keep_or_revoke(sign_in)
        raise DifferentAccount(sign_in.open_id)
    try:
        return _store_after_disconnect(sign_in)
    except binding.MovedAway:
        _revoke(sign_in.runtime, sign_in.tokens)
        raise OurConfiguration(MOVED) from None


def _store_after_disconnect(sign_in: _SignIn) -> Connected:
    """Store the tokens once no disconnect of the same person can end them anymore."""
    runtime, tokens = sign_in.runtime, sign_in.tokens
    doubtful_since = tokens.sent_at and tokens.sent_at - REVOKE_TAKES
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return _store_or_retry(sign_in, doubtful_since)
        except _Disconnected as disconnected:
            if not disconnected.under_way:
                doubtful_since = runtime.clock()
                _require_alive(runtime, tokens)
            elif time.monotonic() < until:
                _pause(_POLL_SECONDS)
            else:
                _revoke(runtime, tokens)
                raise TryLater("revoke_under_way") from None


def _store_or_retry(sign_in: _SignIn, doubtful_since: datetime | None) -> Connected:
    try:
        return _store(sign_in, doubtful_since)
    except IntegrityError:
        # The same person connected for the first time in two tabs, and the other created the row.
        return _store(sign_in, doubtful_since)


def require_open() -> None:
    """Check that sign-ins are stored here. Raises OurConfiguration if the database was copied away.

    A sign-in would end up in a database that nobody uses anymore.
    """
    try:
        binding.require_here()
    except binding.MovedAway:
        raise OurConfiguration(MOVED) from None


def _require_alive(runtime: Runtime, tokens: TokenSet) -> None:
    """Check with a call that a disconnect hasn't ended this grant, too. Raises ConnectAgain.

    TikTok's revoke ends everything that the person has granted, also what is newer than the token
    that it was called with. If the call fails for another reason, the grant counts as alive.
    """
    try:
        runtime.provider.user_info(
            tokens.access_token, open_id=str(tokens.open_id), scopes=tokens.scopes or ()
        )
    except AccessRefused as refused:
        log.warning("connected_during_disconnect", open_id=tokens.open_id, log_id=refused.log_id)
        raise ConnectAgain("disconnected_meanwhile", log_id=refused.log_id) from None
    except TikTokError as error:
        log.info("grant_not_tested", open_id=tokens.open_id, code=error.code)


def _rescue(runtime: Runtime, tokens: TokenSet, error: SQLAlchemyError) -> bool:
    """Keep tokens that the database didn't accept, or revoke them if there is no row for them.

    The exchange has ended the grant that is stored for someone who is connected. Return True if
    they are in the rescue file, or the row has them or those of a later exchange.
    """
    open_id = str(tokens.open_id)
    try:
        with reading() as session:
            user = session.scalar(people.by_open_id(runtime, open_id))
        sent_at = user and user.exchange_sent_at
        if sent_at and tokens.sent_at and tokens.sent_at < sent_at:
            # A later exchange has been stored, which ended this grant.
            return True
        if user is not None and user.access_token is not None and user.status not in _ENDED:
            now = runtime.clock()
            rescue_file.append(runtime, user.ref, open_id, user.version, tokens, now)
            log.error("answer_rescued", open_id=open_id, error=type(error).__name__)
            return True
    except (SQLAlchemyError, OSError) as failure:
        log.error("rescue_failed", open_id=open_id, error=type(failure).__name__)
    if isinstance(error, NotOnDisk):
        # The row has the grant, and may keep it; a revoke would end it for certain.
        return True
    log.error("sign_in_not_stored", open_id=open_id, error=type(error).__name__)
    _revoke(runtime, tokens)
    return False


def _store(sign_in: _SignIn, doubtful_since: datetime | None) -> Connected:
    """Store the tokens. Raises _Disconnected if a disconnect may have ended this grant."""
    runtime, tokens, open_id = sign_in.runtime, sign_in.tokens, sign_in.open_id
    # Sealed beforehand: nobody else can write until this transaction ends.
    values = person_row.granted(runtime, tokens, sign_in.asked)
    with writing(durable=True, together=True) as session:
        row = person_row.find_locked(session, runtime, open_id)
        now = sign_in.at or runtime.clock()
        if row is not None and doubtful_since is not None:
            _require_no_disconnect(row, doubtful_since, now)
        kind: Kind = "new" if row is None else _kind(row)
        newest = row is None or _is_newest(row, tokens)
        stored = _stored(session, sign_in, row, values, now, newest=newest)
        # Now, as on PostgreSQL the write before has waited for a copy that is being made.
        binding.require_here(session)
        device, secret = sign_in.device, ""
        if device is not None:
            secret = sessions.begin(session, runtime, stored.person, device, now)
        before = row.scope if row is not None and kind == "returned" else stored.scope
        added = tuple(sorted(scopes_in(stored.scope) - scopes_in(before)))
        if sign_in.state:
            digest = sessions.digest_of(secret)
            spent_states.record(session, sign_in.state, stored.person, digest, kind, added)
        was_lost = newest and row is not None and row.status == Status.RECONNECT
        _record(session, sign_in, stored, kind, now, was_lost=was_lost)
    log.info("connected", open_id=open_id, kind=kind, scopes=len(tokens.scopes or ()))
    fresh = _fresh(sign_in, row, stored, now) if newest else None
    return Connected(stored.person, open_id, kind, added, secret, fresh)


def _stored(
    session: Session,
    sign_in: _SignIn,
    row: Row[Any] | None,
    values: dict[str, Any],
    now: datetime,
    *,
    newest: bool,
) -> Stored:
    """Write the grant into the person's row, unless a later one is there; return the row."""
    if row is not None and not newest:
        return person_row.unchanged(row)
    values = values | person_row.dated(sign_in.tokens, now)
    if row is None:
        return person_row.add(session, sign_in.runtime, sign_in.open_id, values, now)
    return person_row.renew(session, row, values)


def _fresh(sign_in: _SignIn, row: Row[Any] | None, stored: Stored, now: datetime) -> FreshGrant:
    tokens = sign_in.tokens
    access = Access(
        sign_in.open_id,
        tokens.access_token,
        scopes=scopes_in(stored.scope),
        expires_at=tokens.access_expires_at,
        refreshed_at=now,
        version=stored.version,
    )
    if row is None:
        return FreshGrant(access)
    return FreshGrant(access, row.display_name, row.username, row.union_id)


def _require_no_disconnect(row: Row[Any], doubtful_since: datetime, now: datetime) -> None:
    """Raise _Disconnected if a revoke is under way, or began after `doubtful_since`."""
    if row.status == Status.REVOKING and row.claim and row.next_at and row.next_at > now:
        raise _Disconnected(under_way=True)
    if row.status in _ENDED and row.ended_at is not None and row.ended_at > doubtful_since:
        raise _Disconnected(under_way=False)


def _record(
    session: Session,
    sign_in: _SignIn,
    stored: Stored,
    kind: Kind,
    now: datetime,
    *,
    was_lost: bool,
) -> None:
    ticket = stored.person.ticket
    with acting_as(current_actor().known_as(ticket)):
        audit.record(
            session, now, "connection.connected", on=ticket, kind=kind, scopes=stored.scope
        )
    if was_lost:
        _notify_restored(session, sign_in, ticket, now)


def _notify_restored(session: Session, sign_in: _SignIn, ticket: str, now: datetime) -> None:
    fields = {"open_id": sign_in.open_id, "ticket": ticket}
    outbox.enqueue(session, sign_in.runtime, now, "connection.restored", fields)


def _is_newest(row: Row[Any], tokens: TokenSet) -> bool:
    """Return False if a later exchange has been stored already, which ended this grant at TikTok.

    Two tabs sign in at the same time, and TikTok answers the first exchange last.
    """
    sent_at = tokens.sent_at
    return sent_at is None or row.exchange_sent_at is None or sent_at >= row.exchange_sent_at


def _kind(row: Row[Any]) -> Kind:
    ended = row.status == Status.RECONNECT or row.status in _ENDED
    return "again" if ended or not row.has_token else "returned"


def _keep_or_revoke(sign_in: _SignIn) -> None:
    """Store or revoke a grant with which nobody is signed in.

    If its person is connected, it has replaced the stored grant, whose refresh token is now dead,
    so it is stored in their row. Otherwise it is revoked at TikTok.
    """
    runtime, tokens = sign_in.runtime, sign_in.tokens
    now = sign_in.at or runtime.clock()
    values = person_row.granted(runtime, tokens, sign_in.asked) | person_row.dated(tokens, now)
    with writing(durable=True) as session:
        row = person_row.find_locked(session, runtime, sign_in.open_id)
        kept = row if row is not None and row.has_token and row.status not in _ENDED else None
        if kept is not None and _is_newest(kept, tokens):
            person_row.renew(session, kept, values)
            if kept.status == Status.RECONNECT:
                _notify_restored(session, sign_in, kept.ticket, now)
    if kept is None:
        _revoke(runtime, tokens)


def _revoke(runtime: Runtime, tokens: TokenSet) -> None:
    try:
        runtime.provider.revoke(tokens.access_token)
    except TikTokError as error:
        log.warning("grant_not_revoked", code=error.code, log_id=error.log_id)


_pause: Callable[[float], object] = threading.Event().wait
