"""Ending a connection: TikTok is told, then our copy is wiped, whatever TikTok answers.

Where TikTok does not answer at all the sealed tokens wait, in `revoking`, for the worker to tell
it again; after 24 hours they are wiped all the same. Nothing else is done with them meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import delete as delete_rows
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.database import scrub, writing
from webapp.models import BrowserSession, Status, User
from webapp.services import audit, brakes, figures, notices, schedule
from webapp.services.claims import LEASE
from webapp.services.house import House
from webapp.services.vault import CannotOpen, HeldTokens
from webapp.services.verdicts import KEEP_REVOKING
from webapp.tiktok.errors import AccessRefused, TikTokError, TryLater
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

#: Our code of a disconnect for which TikTok was not asked, since there was no token any more.
NOTHING_HELD = "nothing_held"


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


def disconnect(house: House, user_id: int) -> Outcome:
    """Revoke at TikTok (refreshing first if the access is over), then forget (rule 40)."""
    user = _begin(house, user_id)
    if user is None:
        return Outcome(confirmed=True, code=NOTHING_HELD)
    return finish(house, user)


def finish(house: House, user: User) -> Outcome:
    """Tell TikTok about a row in `revoking`, once, and write down what came of it."""
    outcome = _tell_tiktok(house, user)
    now = house.clock()
    started = user.ended_at or now
    patient = now - started < KEEP_REVOKING
    with writing(durable=True) as session:
        row = session.scalar(
            select(User).where(User.id == user.id, User.status == Status.REVOKING).with_for_update()
        )
        if row is None:
            return outcome
        if outcome.forgotten or not patient:
            house.vault.forget(row)
            row.status = Status.REVOKED
            outcome = Outcome(outcome.confirmed, True, outcome.code, outcome.log_id)
            write_down(session, house, row, now, confirmed=outcome.confirmed, code=outcome.code)
        else:
            row.claim = None
            row.failures += 1
            row.next_at = schedule.back_off(row.failures, now, None)
        row.last_error = outcome.code or None
        row.last_log_id = outcome.log_id or None
    log.info(
        "disconnected",
        open_id=user.open_id,
        confirmed=outcome.confirmed,
        forgotten=outcome.forgotten,
    )
    return outcome


def write_down(
    session: Session, house: House, user: User, now: datetime, *, confirmed: bool, code: str
) -> None:
    """Write down, and have told, that a connection is over because somebody wanted it so."""
    audit.record(session, now, "connection.revoked", on=user.ticket, confirmed=confirmed, code=code)
    figures.note(session, house.settings.tiktok_client_key, now, {"revoked": 1})
    told: dict[str, str | bool | None] = {"open_id": user.open_id, "ticket": user.ticket}
    told["confirmed"] = confirmed
    notices.put(session, house, now, "connection.revoked", told)


def delete(house: House, user_id: int) -> Outcome:
    """Disconnect, then erase the row and every session; nothing of it is left in the file."""
    outcome = disconnect(house, user_id)
    while not _erased(house, user_id):
        # They connected again in between, so there is a new grant to revoke.
        outcome = disconnect(house, user_id)
    scrub()
    log.info("deleted")
    return outcome


def _erased(house: House, user_id: int) -> bool:
    """Erase the row and its sessions; False if they connected again meanwhile."""
    with writing() as session:
        user = session.get(User, user_id, with_for_update=True)
        if user is not None and user.access_token and user.status != Status.REVOKING:
            return False
        if user is not None:
            brakes.keep_version(session, house, user.version)
            notices.forget(session, user.ticket)
            audit.record(session, house.clock(), "connection.deleted", on=user.ticket)
        session.execute(delete_rows(BrowserSession).where(BrowserSession.user_id == user_id))
        session.execute(delete_rows(User).where(User.id == user_id))
    return True


def _begin(house: House, user_id: int) -> User | None:
    """Mark the row, so that a refresh under way cannot bring the connection back.

    If this process dies now, the worker takes over when the lease ends.
    """
    now = house.clock()
    with writing(durable=True) as session:
        user = session.get(User, user_id, with_for_update=True)
        if user is None or user.access_token is None:
            if user is not None and user.status != Status.REVOKED:
                _end_what_is_forgotten(session, house, user, now)
            return None
        order(session, user, now, now + LEASE)
    return user


def _end_what_is_forgotten(session: Session, house: House, user: User, now: datetime) -> None:
    """End a connection of which nothing is held any more, so that TikTok need not be told."""
    # It is somebody's act all the same.
    audit.record(session, now, "connection.disconnect_ordered", on=user.ticket)
    write_down(session, house, user, now, confirmed=True, code=NOTHING_HELD)
    house.vault.forget(user)
    user.status = Status.REVOKED
    user.reason = None


def order(session: Session, user: User, now: datetime, told_at: datetime) -> None:
    """Mark a row that holds tokens in the caller's transaction; the worker tells TikTok then."""
    if user.status != Status.REVOKING:
        user.ended_at = now
    user.status = Status.REVOKING
    user.reason = user.claim = user.failing_since = None
    audit.record(session, now, "connection.disconnect_ordered", on=user.ticket)
    user.failures = 0
    user.version += 1
    user.next_at = told_at


def _tell_tiktok(house: House, user: User) -> Outcome:
    try:
        held = house.vault.load(user)
        if held is not None:
            _revoke(house, user, held)
    except CannotOpen:
        return Outcome(confirmed=False, code="cannot_open")
    except TikTokError as error:
        log.warning("revoke_failed", open_id=user.open_id, code=error.code, log_id=error.log_id)
        answered = not isinstance(error, TryLater)
        return Outcome(confirmed=False, forgotten=answered, code=error.code, log_id=error.log_id)
    return Outcome(confirmed=True)


def _revoke(house: House, user: User, held: HeldTokens) -> None:
    """Revoke with an access token that works; TikTok takes no other (tiktok-contract: Revoke)."""
    now = house.clock()
    over = user.access_expires_at is None or user.access_expires_at <= now
    if not over:
        try:
            house.provider.revoke(held.access_token)
        except AccessRefused:
            over = True
    if over:
        renewed = house.provider.refresh(held.refresh_token or "")
        _keep(house, user, renewed)
        house.provider.revoke(renewed.access_token)


def _keep(house: House, user: User, renewed: TokenSet) -> None:
    """Seal the renewed pair into the row: if the revoke fails now, the old one is spent."""
    now = house.clock()
    with writing(durable=True) as session:
        row = session.get(User, user.id, with_for_update=True)
        if row is not None and row.status == Status.REVOKING:
            house.vault.store(row, renewed, now)
