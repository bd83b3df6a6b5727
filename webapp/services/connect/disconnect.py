"""Disconnects people: revokes the grant at TikTok, then wipes our copy, whatever TikTok answers.

If TikTok doesn't answer, the encrypted tokens stay in the row with status `revoking`, and the
worker retries. After 24 hours they are wiped anyway. They are used for nothing else.
"""

import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import delete as delete_rows
from sqlalchemy import update
from sqlalchemy.orm import Session

from webapp.database import scrub, writing
from webapp.models import BrowserSession, PersonRef, SpentState, Status, User, connection_state
from webapp.services import authority, people
from webapp.services.authority import NoLongerAllowed
from webapp.services.notifications import outbox
from webapp.services.people import PersonGone
from webapp.services.records import audit, figures
from webapp.services.refresh import answer_store, breaker, schedule
from webapp.services.refresh.claims import LEASE
from webapp.services.refresh.verdicts import KEEP_REVOKING
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen, HeldTokens
from webapp.tiktok.errors import AccessRefused, TikTokError, TryLater, WrongAccount
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

#: How long a second disconnect waits for the result of the first, and how often it checks.
PATIENCE = 15.0
_POLL_SECONDS = 0.05
#: Our code if there was no token left, so TikTok was not called.
NOTHING_HELD = "nothing_held"
#: Our code if the person connected again in the meantime; that connection stays.
CONNECTED_AGAIN = "connected_again"
#: Our code if another request or the worker is revoking the grant right now.
STILL_REVOKING = "revoking"


class Superseded(Exception):
    """The row no longer has the grant that was to be revoked."""


@dataclass(frozen=True)
class Outcome:
    """The result of disconnecting, at TikTok and here."""

    #: TikTok confirmed the end, or there was nothing left to revoke.
    confirmed: bool
    #: Our copy is wiped; False: TikTok did not answer, and we retry for 24 hours.
    forgotten: bool = True
    #: TikTok's code, or ours, if it did not confirm.
    code: str = ""
    log_id: str = ""


class NotErased(Exception):
    """The right to delete the account was lost after the grant had been revoked."""

    def __init__(self, *, connected: bool) -> None:
        """Store True if the person has connected again in the meantime."""
        super().__init__("not erased")
        self.connected = connected


def disconnect_person(runtime: Runtime, person: PersonRef) -> Outcome:
    """Revoke at TikTok (refreshing first if the access token has expired), then forget (rule 40).

    Raises PersonGone or NoLongerAllowed; either way, nothing has changed.
    """
    user = _begin(runtime, person)
    if user is None:
        return Outcome(confirmed=True, code=NOTHING_HELD)
    if user.claim is None:
        return _wait_for_outcome(person)
    return finish_disconnect(runtime, user)


def finish_disconnect(runtime: Runtime, user: User) -> Outcome:
    """Revoke the grant of a row in `revoking`, with one attempt, and store the result.

    The result is stored only while the row has the same grant: if the person has connected again,
    the new grant stays and must be disconnected separately.
    """
    outcome = _revoke_at_tiktok(runtime, user)
    now = runtime.clock()
    started = user.ended_at or now
    patient = now - started < KEEP_REVOKING
    with writing(durable=True) as session:
        row = _row_if_unchanged(session, user)
        if row is None:
            return _outcome_of_newer_grant(session, user) or outcome
        if outcome.forgotten or not patient:
            runtime.vault.forget(row)
            connection_state.write(row, connection_state.revoked())
            outcome = Outcome(outcome.confirmed, True, outcome.code, outcome.log_id)
            record_revoked(
                session, runtime, row, now, confirmed=outcome.confirmed, code=outcome.code
            )
        else:
            failures = row.failures + 1
            again = schedule.back_off(failures, now, None)
            connection_state.write(row, connection_state.still_revoking(failures, again))
        connection_state.write(row, connection_state.error(outcome.code, outcome.log_id))
    log.info(
        "disconnected",
        open_id=user.open_id,
        confirmed=outcome.confirmed,
        forgotten=outcome.forgotten,
    )
    return outcome


def record_revoked(
    session: Session, runtime: Runtime, user: User, now: datetime, *, confirmed: bool, code: str
) -> None:
    """Record that a connection was ended on purpose, and enqueue the notification."""
    audit.record(session, now, "connection.revoked", on=user.ticket, confirmed=confirmed, code=code)
    figures.add_counts(session, runtime.client_key, now, {"revoked": 1})
    fields: dict[str, str | bool | None] = {"open_id": user.open_id, "ticket": user.ticket}
    fields["confirmed"] = confirmed
    outbox.enqueue(session, runtime, now, "connection.revoked", fields)


def delete_person(runtime: Runtime, person: PersonRef) -> Outcome:
    """Disconnect, then delete the row and every session, including from SQLite's files.

    Succeeds if the account has been deleted from another device. Raises NoLongerAllowed, in
    which case nothing has changed, or NotErased.
    """
    outcome = Outcome(confirmed=True, code=NOTHING_HELD)
    with suppress(PersonGone):
        outcome = disconnect_person(runtime, person)
        try:
            while not _erase(runtime, person):
                # They connected again in between, so there is a new grant to revoke.
                outcome = disconnect_person(runtime, person)
        except NoLongerAllowed:
            user = people.get(person)
            ended = user.access_token is None or user.status == Status.REVOKING
            raise NotErased(connected=not ended) from None
    if not scrub():
        # The worker tries again every hour.
        log.warning("not_scrubbed", reason="another process is reading the database")
    log.info("deleted")
    return outcome


def _erase(runtime: Runtime, person: PersonRef) -> bool:
    """Delete the row and its sessions; False if the person has connected again.

    Raises NoLongerAllowed.
    """
    with writing(durable=True) as session:
        user = people.locked(session, person)
        if user is None:
            return True
        authority.require(session)
        if user.access_token and user.status != Status.REVOKING:
            return False
        session.execute(delete_rows(BrowserSession).where(BrowserSession.user_id == user.id))
        session.execute(
            update(SpentState)
            .where(SpentState.user_id == user.id)
            .values(user_id=None, ticket=None, session=None, kind=None, added=None)
        )
        breaker.keep_version(session, runtime, user.version)
        outbox.forget_person(session, user.ticket)
        audit.record(session, runtime.clock(), "connection.deleted", on=user.ticket)
        session.execute(delete_rows(User).where(User.is_(person)))
    return True


def _begin(runtime: Runtime, person: PersonRef) -> User | None:
    """Mark the row `revoking`, so a refresh in progress can't bring the connection back.

    If this process dies now, the worker takes over when the lease ends. Return None if there are
    no tokens, and a row without a claim if the grant is being revoked by another request or the
    worker.
    """
    now = runtime.clock()
    with writing(durable=True) as session:
        user = people.locked_for_caller(session, person)
        if user.access_token is None:
            if user.status != Status.REVOKED:
                _end_without_tokens(session, runtime, user, now)
            return None
        if user.status == Status.REVOKING and user.leased(now):
            session.expunge(user)
            user.claim = None
            return user
        mark_revoking(session, user, now, now + LEASE, claim=secrets.token_hex(8))
    return user


def _wait_for_outcome(person: PersonRef) -> Outcome:
    """Wait until another request or the worker has revoked the grant; return the outcome.

    If we called TikTok a second time, it would answer that there's nothing left to revoke, which
    would look like a failure. Raises PersonGone if the account is deleted in the meantime.
    """
    until = time.monotonic() + PATIENCE
    while True:
        user = people.get(person)
        if user.status == Status.REVOKED:
            code = user.last_error or ""
            return Outcome(confirmed=not code, code=code)
        if user.status != Status.REVOKING:
            return Outcome(confirmed=False, forgotten=False, code=CONNECTED_AGAIN)
        if user.claim is None or time.monotonic() > until:
            return Outcome(confirmed=False, forgotten=False, code=user.last_error or STILL_REVOKING)
        _pause(_POLL_SECONDS)


def _end_without_tokens(session: Session, runtime: Runtime, user: User, now: datetime) -> None:
    """End a connection that has no tokens left, so there is nothing to revoke at TikTok."""
    audit.record(session, now, "connection.disconnect_ordered", on=user.ticket)
    record_revoked(session, runtime, user, now, confirmed=True, code=NOTHING_HELD)
    runtime.vault.forget(user)
    connection_state.write(user, connection_state.revoked())


def mark_revoking(
    session: Session, user: User, now: datetime, next_at: datetime, claim: str | None = None
) -> None:
    """Mark a row with tokens in the caller's transaction; the worker revokes it at `next_at`.

    A row that is already marked keeps its version, because it is the same grant that ends.
    """
    since = user.ended_at
    if user.status != Status.REVOKING:
        since = now
        user.version += 1
    connection_state.write(user, connection_state.revoking(since, next_at, claim))
    audit.record(session, now, "connection.disconnect_ordered", on=user.ticket)


def _outcome_of_newer_grant(session: Session, user: User) -> Outcome | None:
    """Return the outcome if the row has got another grant in the meantime; None if it hasn't."""
    row = people.locked(session, user.ref)
    if row is None or row.access_token is None:
        return None
    if row.status == Status.REVOKING:
        return Outcome(confirmed=False, forgotten=False, code=STILL_REVOKING)
    return Outcome(confirmed=False, forgotten=False, code=CONNECTED_AGAIN)


def _row_if_unchanged(session: Session, user: User) -> User | None:
    """Return the row, locked, if the grant of `user` is still the one to revoke."""
    row = people.locked(session, user.ref)
    same = row is not None and row.version == user.version and row.status == Status.REVOKING
    return row if same else None


def _revoke_at_tiktok(runtime: Runtime, user: User) -> Outcome:
    try:
        held = runtime.vault.load(user)
        if held is not None:
            _revoke(runtime, user, held)
    except CannotOpen:
        return Outcome(confirmed=False, code="cannot_open")
    except Superseded:
        return Outcome(confirmed=False, forgotten=False, code=CONNECTED_AGAIN)
    except TikTokError as error:
        log_failure = log.error if isinstance(error, WrongAccount) else log.warning
        log_failure("revoke_failed", open_id=user.open_id, code=error.code, log_id=error.log_id)
        answered = not isinstance(error, TryLater)
        return Outcome(confirmed=False, forgotten=answered, code=error.code, log_id=error.log_id)
    return Outcome(confirmed=True)


def _revoke(runtime: Runtime, user: User, held: HeldTokens) -> None:
    """Revoke with an access token that works, because TikTok accepts no other (rule 40)."""
    now = runtime.clock()
    expired = user.access_expires_at is None or user.access_expires_at <= now
    if not expired:
        try:
            runtime.provider.revoke(held.access_token)
        except AccessRefused:
            expired = True
    if expired:
        renewed = runtime.provider.refresh(held.refresh_token or "")
        if renewed.open_id not in (None, user.open_id):
            raise WrongAccount("other_open_id")
        if not _store_renewed(runtime, user, renewed):
            answer_store.revoke_late_answer(runtime, user.open_id, renewed)
            raise Superseded
        runtime.provider.revoke(renewed.access_token)


def _store_renewed(runtime: Runtime, user: User, renewed: TokenSet) -> bool:
    """Store the renewed tokens, because the old refresh token is dead even if the revoke fails.

    Updates the version of `user`. Return False if this grant is no longer the one to revoke.
    """
    now = runtime.clock()
    with writing(durable=True) as session:
        row = _row_if_unchanged(session, user)
        if row is None:
            return False
        runtime.vault.store(row, renewed, now)
        user.version = row.version
    return True


_pause: Callable[[float], object] = threading.Event().wait
