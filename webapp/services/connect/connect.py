"""Connects a person: stores the tokens of a sign-in in their row."""

import secrets
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

import structlog
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from webapp.actor import acting_as, current_actor
from webapp.database import reading, writing
from webapp.models import PersonRef, Status, User, connection_state
from webapp.services import people
from webapp.services.connect import sessions
from webapp.services.connect.sessions import Device
from webapp.services.installation import binding
from webapp.services.notifications import outbox
from webapp.services.records import audit
from webapp.services.refresh import breaker, rescue_file
from webapp.services.refresh.schedule import next_refresh_at
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

#: Without letters and digits that people mix up (I, L, O, U, 0, 1).
TICKET_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

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


def connect_person(
    runtime: Runtime,
    tokens: TokenSet,
    asked: Collection[str],
    viewer: str | None,
    now: datetime | None = None,
    device: Device | None = None,
) -> Connected:
    """Store the tokens of an exchange under their open_id and clear every failure mark (rule 54).

    `viewer` is the open_id that this sign-in must end with; None: any. `now` is the time of
    connecting; None: when the transaction begins, so a connect that waits for the lock comes after
    what was requested in the meantime. If a later exchange of this person has been stored already,
    its tokens stay. `device` is signed in within the same transaction, so the
    row can't become another person's in between.
    Raises RequiredScopeMissing, DifferentAccount, ConnectAgain if a disconnect at the same time has
    ended this grant, too, and TryLater if that disconnect doesn't end. Then nobody is signed in, no
    row is created, and a grant that belongs to no connected person is revoked. Raises NotStored if
    the database can't be written, for instance because its disk is full.
    """
    try:
        return _connect(runtime, tokens, asked, viewer, now, device)
    except SQLAlchemyError as error:
        raise NotStored(rescued=_rescue(runtime, tokens, error)) from error


def _connect(
    runtime: Runtime,
    tokens: TokenSet,
    asked: Collection[str],
    viewer: str | None,
    now: datetime | None,
    device: Device | None,
) -> Connected:
    if tokens.scopes is None:
        # An answer without a scope grants what was requested (RFC 6749 §5.1).
        tokens = replace(tokens, scopes=frozenset(asked))
    if BASIC not in (tokens.scopes or ()):
        _keep_or_revoke(runtime, tokens, asked, now or runtime.clock())
        raise RequiredScopeMissing
    if viewer is not None and viewer != tokens.open_id:
        _keep_or_revoke(runtime, tokens, asked, now or runtime.clock())
        raise DifferentAccount(str(tokens.open_id))
    try:
        return _store_after_disconnect(runtime, tokens, asked, now, device)
    except binding.MovedAway:
        _revoke(runtime, tokens)
        raise OurConfiguration(MOVED) from None


def _store_after_disconnect(
    runtime: Runtime,
    tokens: TokenSet,
    asked: Collection[str],
    now: datetime | None,
    device: Device | None,
) -> Connected:
    """Store the tokens once no disconnect of the same person can end them anymore."""
    doubtful_since = tokens.sent_at and tokens.sent_at - REVOKE_TAKES
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return _store_or_retry(runtime, tokens, asked, now, device, doubtful_since)
        except _Disconnected as disconnected:
            if not disconnected.under_way:
                doubtful_since = runtime.clock()
                _require_alive(runtime, tokens)
            elif time.monotonic() < until:
                _pause(_POLL_SECONDS)
            else:
                _revoke(runtime, tokens)
                raise TryLater("revoke_under_way") from None


def _store_or_retry(
    runtime: Runtime,
    tokens: TokenSet,
    asked: Collection[str],
    now: datetime | None,
    device: Device | None,
    doubtful_since: datetime | None,
) -> Connected:
    try:
        return _store(runtime, tokens, asked, now, device, doubtful_since)
    except IntegrityError:
        # The same person connected for the first time in two tabs, and the other created the row.
        return _store(runtime, tokens, asked, now, device, doubtful_since)


def require_open() -> None:
    """Check that sign-ins are stored here. Raises OurConfiguration if the database was copied away.

    A sign-in would end up in a database that nobody uses anymore.
    """
    try:
        with reading() as session:
            binding.require_here(session)
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
    they are in the rescue file.
    """
    open_id = str(tokens.open_id)
    try:
        with reading() as session:
            user = session.scalar(people.by_open_id(runtime, open_id))
        if user is not None and user.access_token is not None and user.status not in _ENDED:
            now = runtime.clock()
            rescue_file.append(runtime, user.ref, open_id, user.version, tokens, now)
            log.error("answer_rescued", open_id=open_id, error=type(error).__name__)
            return True
    except (SQLAlchemyError, OSError) as failure:
        log.error("rescue_failed", open_id=open_id, error=type(failure).__name__)
    log.error("sign_in_not_stored", open_id=open_id, error=type(error).__name__)
    _revoke(runtime, tokens)
    return False


def _store(
    runtime: Runtime,
    tokens: TokenSet,
    asked: Collection[str],
    at: datetime | None,
    device: Device | None,
    doubtful_since: datetime | None,
) -> Connected:
    """Store the tokens. Raises _Disconnected if a disconnect may have ended this grant."""
    open_id = str(tokens.open_id)
    with writing(durable=True) as session:
        user = session.scalar(people.by_open_id(runtime, open_id).with_for_update())
        now = at or runtime.clock()
        if user is not None and doubtful_since is not None:
            _require_no_disconnect(user, doubtful_since, now)
        kind: Kind = "new" if user is None else _kind(user, now)
        was_lost = user is not None and user.status == Status.RECONNECT
        before = user.granted if user is not None and kind == "returned" else tokens.scopes or ()
        user = user or _new_row(session, runtime, open_id, now)
        newest = _is_newest(user, tokens)
        if newest:
            _update_row(runtime, user, tokens, asked, now)
        session.flush()
        # Now, as on PostgreSQL the write before has waited for a copy that is being made.
        binding.require_here(session)
        added = tuple(sorted(user.granted.difference(before)))
        secret = sessions.begin(session, runtime, user, device, now) if device else ""
        connected = Connected(user.ref, open_id, kind, added, secret)
        _record(session, runtime, user, kind, now, was_lost=was_lost and newest)
    log.info("connected", open_id=open_id, kind=kind, scopes=len(tokens.scopes or ()))
    return connected


def _require_no_disconnect(user: User, doubtful_since: datetime, now: datetime) -> None:
    """Raise _Disconnected if a revoke is under way, or began after `doubtful_since`."""
    if user.status == Status.REVOKING and user.claim and user.next_at and user.next_at > now:
        raise _Disconnected(under_way=True)
    ended = user.status in (Status.REVOKING, Status.REVOKED)
    if ended and user.ended_at is not None and user.ended_at > doubtful_since:
        raise _Disconnected(under_way=False)


def _record(
    session: Session, runtime: Runtime, user: User, kind: Kind, now: datetime, *, was_lost: bool
) -> None:
    with acting_as(current_actor().known_as(user.ticket)):
        audit.record(
            session, now, "connection.connected", on=user.ticket, kind=kind, scopes=user.scope
        )
    if was_lost:
        _notify_restored(session, runtime, user, now)


def _notify_restored(session: Session, runtime: Runtime, user: User, now: datetime) -> None:
    fields = {"open_id": user.open_id, "ticket": user.ticket}
    outbox.enqueue(session, runtime, now, "connection.restored", fields)


def _update_row(
    runtime: Runtime, user: User, tokens: TokenSet, asked: Collection[str], now: datetime
) -> None:
    connection_state.write(user, connection_state.works_again())
    # An answer without the grant's expiry must not inherit that of the previous grant.
    user.refresh_expires_at = None
    user.asked_scope = ",".join(sorted(asked))
    user.connected_at = now
    user.exchange_sent_at = tokens.sent_at or now
    runtime.vault.store(user, tokens, now)
    user.next_at = next_refresh_at(now, tokens.access_expires_at)


def _is_newest(user: User, tokens: TokenSet) -> bool:
    """Return False if a later exchange has been stored already, which ended this grant at TikTok.

    Two tabs sign in at the same time, and TikTok answers the first exchange last.
    """
    sent_at = tokens.sent_at
    return sent_at is None or user.exchange_sent_at is None or sent_at >= user.exchange_sent_at


def _kind(user: User, now: datetime) -> Kind:
    ended = user.status in (Status.RECONNECT, Status.REVOKING, Status.REVOKED)
    return "again" if ended or user.access_token is None else "returned"


def _new_row(session: Session, runtime: Runtime, open_id: str, now: datetime) -> User:
    ticket = "".join(secrets.choice(TICKET_LETTERS) for _ in range(8))
    user = User(
        client_key=runtime.client_key,
        open_id=open_id,
        ticket=f"ct_{ticket[:4]}-{ticket[4:]}",
        created_at=now,
        connected_at=now,
        scope="",
        version=breaker.last_deleted_version(session, runtime),
        refreshes=0,
        interrupted=False,
    )
    session.add(user)
    return user


def _keep_or_revoke(
    runtime: Runtime, tokens: TokenSet, asked: Collection[str], now: datetime
) -> None:
    """Store or revoke a grant with which nobody is signed in.

    If its person is connected, it has replaced the stored grant, whose refresh token is now dead,
    so it is stored in their row. Otherwise it is revoked at TikTok.
    """
    with writing(durable=True) as session:
        connected = User.status.not_in((Status.REVOKING, Status.REVOKED))
        user = session.scalar(
            people.by_open_id(runtime, str(tokens.open_id))
            .where(User.access_token.is_not(None), connected)
            .with_for_update()
        )
        if user is not None:
            was_lost = user.status == Status.RECONNECT
            if not _is_newest(user, tokens):
                return
            _update_row(runtime, user, tokens, asked, now)
            if was_lost:
                _notify_restored(session, runtime, user, now)
    if user is not None:
        return
    _revoke(runtime, tokens)


def _revoke(runtime: Runtime, tokens: TokenSet) -> None:
    try:
        runtime.provider.revoke(tokens.access_token)
    except TikTokError as error:
        log.warning("grant_not_revoked", code=error.code, log_id=error.log_id)


_pause: Callable[[float], object] = threading.Event().wait
