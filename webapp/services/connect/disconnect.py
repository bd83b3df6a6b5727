"""Ending a connection: TikTok is told, then our copy is wiped, whatever TikTok answers.

Where TikTok does not answer at all the sealed tokens wait, in `revoking`, for the worker to tell
it again; after 24 hours they are wiped all the same. Nothing else is done with them meanwhile.
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
from sqlalchemy.orm import Session

from webapp.database import scrub, writing
from webapp.models import BrowserSession, PersonRef, Status, User, marks
from webapp.services import authority, people
from webapp.services.authority import NoLongerAllowed
from webapp.services.notifications import outbox
from webapp.services.people import PersonGone
from webapp.services.records import audit, figures
from webapp.services.refresh import breaker, schedule, store
from webapp.services.refresh.claims import LEASE
from webapp.services.refresh.verdicts import KEEP_REVOKING
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen, HeldTokens
from webapp.tiktok.errors import AccessRefused, TikTokError, TryLater, WrongAccount
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

#: How long a second press waits for the first one's answer, and between two looks, in seconds.
PATIENCE = 15.0
_POLL_SECONDS = 0.05
#: Our code of a disconnect for which TikTok was not asked, since there was no token any more.
NOTHING_HELD = "nothing_held"
#: Our code of one during which the person connected again: that connection stays.
CONNECTED_AGAIN = "connected_again"
#: Our code of one that another browser or the worker is telling TikTok of now.
STILL_REVOKING = "revoking"


class Superseded(Exception):
    """The row holds another grant by now than the one that was to end."""


@dataclass(frozen=True)
class Outcome:
    """Which half worked."""

    #: TikTok confirmed the end, or held nothing to end.
    confirmed: bool
    #: Our copy is wiped; False: TikTok did not answer and is told again for 24 hours.
    forgotten: bool = True
    #: TikTok's code, or ours, when it did not confirm.
    code: str = ""
    log_id: str = ""


class NotErased(Exception):
    """The right to erase the account was gone after TikTok had been told of its end."""

    def __init__(self, *, connected: bool) -> None:
        """Take whether the person has connected again meanwhile."""
        super().__init__("not erased")
        self.connected = connected


def disconnect_person(runtime: Runtime, person: PersonRef) -> Outcome:
    """Revoke at TikTok (refreshing first if the access is over), then forget (rule 40).

    Raises PersonGone and NoLongerAllowed, with nothing changed.
    """
    user = _begin(runtime, person)
    if user is None:
        return Outcome(confirmed=True, code=NOTHING_HELD)
    if user.claim is None:
        return _outcome_of_the_other(person)
    return finish_disconnect(runtime, user)


def finish_disconnect(runtime: Runtime, user: User) -> Outcome:
    """Tell TikTok about a row in `revoking`, once, and write down what came of it.

    Only while the row holds the very grant that TikTok was told of: whoever connects again
    meanwhile keeps the new one, and whoever disconnects that one waits for an answer of its own.
    """
    outcome = _revoke_at_tiktok(runtime, user)
    now = runtime.clock()
    started = user.ended_at or now
    patient = now - started < KEEP_REVOKING
    with writing(durable=True) as session:
        row = _still(session, user)
        if row is None:
            return _overtaken(session, user) or outcome
        if outcome.forgotten or not patient:
            runtime.vault.forget(row)
            marks.write(row, marks.revoked())
            outcome = Outcome(outcome.confirmed, True, outcome.code, outcome.log_id)
            record_revoked(
                session, runtime, row, now, confirmed=outcome.confirmed, code=outcome.code
            )
        else:
            failures = row.failures + 1
            again = schedule.back_off(failures, now, None)
            marks.write(row, marks.still_revoking(failures, again))
        marks.write(row, marks.error(outcome.code, outcome.log_id))
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
    """Write down, and have told, that a connection is over because somebody wanted it so."""
    audit.record(session, now, "connection.revoked", on=user.ticket, confirmed=confirmed, code=code)
    figures.add_counts(session, runtime.settings.tiktok_client_key, now, {"revoked": 1})
    told: dict[str, str | bool | None] = {"open_id": user.open_id, "ticket": user.ticket}
    told["confirmed"] = confirmed
    outbox.enqueue(session, runtime, now, "connection.revoked", told)


def delete_person(runtime: Runtime, person: PersonRef) -> Outcome:
    """Disconnect, then erase the row and every session; nothing of it is left in the file.

    An account that was erased meanwhile, in another browser, is done. Raises NoLongerAllowed, with
    nothing changed, and NotErased.
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
    scrub()
    log.info("deleted")
    return outcome


def _erase(runtime: Runtime, person: PersonRef) -> bool:
    """Erase the row and its sessions; False if they connected again meanwhile.

    Raises NoLongerAllowed.
    """
    with writing() as session:
        user = people.locked(session, person)
        if user is None:
            return True
        authority.require(session)
        if user.access_token and user.status != Status.REVOKING:
            return False
        session.execute(delete_rows(BrowserSession).where(BrowserSession.user_id == user.id))
        breaker.keep_version(session, runtime, user.version)
        outbox.forget_person(session, user.ticket)
        audit.record(session, runtime.clock(), "connection.deleted", on=user.ticket)
        session.execute(delete_rows(User).where(User.is_(person)))
    return True


def _begin(runtime: Runtime, person: PersonRef) -> User | None:
    """Mark the row, so that a refresh under way cannot bring the connection back.

    If this process dies now, the worker takes over when the lease ends. None: nothing is held. A
    row without a claim: somebody else is telling TikTok in this moment.
    """
    now = runtime.clock()
    with writing(durable=True) as session:
        user = people.locked(session, person)
        if user is None:
            raise PersonGone
        authority.require(session)
        if user.access_token is None:
            if user.status != Status.REVOKED:
                _end_what_is_forgotten(session, runtime, user, now)
            return None
        if _is_being_revoked(user, now):
            session.expunge(user)
            user.claim = None
            return user
        mark_revoking(session, user, now, now + LEASE, claim=secrets.token_hex(8))
    return user


def _is_being_revoked(user: User, now: datetime) -> bool:
    leased = user.claim is not None and user.next_at is not None and user.next_at > now
    return user.status == Status.REVOKING and leased


def _outcome_of_the_other(person: PersonRef) -> Outcome:
    """Wait for whoever tells TikTok now, another browser or the worker; return what came of it.

    Telling it twice would let the second hear that nothing is left to end, and say that it failed.
    Raises PersonGone if the account was deleted meanwhile.
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


def _end_what_is_forgotten(session: Session, runtime: Runtime, user: User, now: datetime) -> None:
    """End a connection of which nothing is held any more, so that TikTok need not be told."""
    # It is somebody's act all the same.
    audit.record(session, now, "connection.disconnect_ordered", on=user.ticket)
    record_revoked(session, runtime, user, now, confirmed=True, code=NOTHING_HELD)
    runtime.vault.forget(user)
    marks.write(user, marks.revoked())


def mark_revoking(
    session: Session, user: User, now: datetime, told_at: datetime, claim: str | None = None
) -> None:
    """Mark a row that holds tokens in the caller's transaction; the worker tells TikTok then.

    One that is marked already keeps its version: it is the same grant that is to end.
    """
    since = user.ended_at
    if user.status != Status.REVOKING:
        since = now
        user.version += 1
    marks.write(user, marks.revoking(since, told_at, claim))
    audit.record(session, now, "connection.disconnect_ordered", on=user.ticket)


def _overtaken(session: Session, user: User) -> Outcome | None:
    """Return what holds instead, if the row was given another grant meanwhile; None: it was not."""
    row = people.locked(session, user.ref)
    if row is None or row.access_token is None:
        return None
    if row.status == Status.REVOKING:
        return Outcome(confirmed=False, forgotten=False, code=STILL_REVOKING)
    return Outcome(confirmed=False, forgotten=False, code=CONNECTED_AGAIN)


def _still(session: Session, user: User) -> User | None:
    """Return the row, held, while it waits for the end of the grant that `user` holds."""
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
        told = log.error if isinstance(error, WrongAccount) else log.warning
        told("revoke_failed", open_id=user.open_id, code=error.code, log_id=error.log_id)
        answered = not isinstance(error, TryLater)
        return Outcome(confirmed=False, forgotten=answered, code=error.code, log_id=error.log_id)
    return Outcome(confirmed=True)


def _revoke(runtime: Runtime, user: User, held: HeldTokens) -> None:
    """Revoke with an access token that works; TikTok takes no other (tiktok-contract: Revoke)."""
    now = runtime.clock()
    over = user.access_expires_at is None or user.access_expires_at <= now
    if not over:
        try:
            runtime.provider.revoke(held.access_token)
        except AccessRefused:
            over = True
    if over:
        renewed = runtime.provider.refresh(held.refresh_token or "")
        if renewed.open_id not in (None, user.open_id):
            raise WrongAccount("other_open_id")
        if not _store_renewed(runtime, user, renewed):
            store.revoke_late_answer(runtime, user.open_id, renewed)
            raise Superseded
        runtime.provider.revoke(renewed.access_token)


def _store_renewed(runtime: Runtime, user: User, renewed: TokenSet) -> bool:
    """Seal the renewed pair into the row: if the revoke fails now, the old one is spent.

    `user` takes on the version that the row has then. False: the row waits for this end no more.
    """
    now = runtime.clock()
    with writing(durable=True) as session:
        row = _still(session, user)
        if row is None:
            return False
        runtime.vault.store(row, renewed, now)
        user.version = row.version
    return True


_pause: Callable[[float], object] = threading.Event().wait
