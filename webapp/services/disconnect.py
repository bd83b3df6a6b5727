"""Ending a connection: TikTok is told first, then our copy is wiped, whatever TikTok answers."""

from dataclasses import dataclass

import structlog
from sqlalchemy import delete as delete_rows

from webapp.database import scrub, writing
from webapp.models import BrowserSession, Status, User
from webapp.services.house import House
from webapp.services.vault import CannotOpen, HeldTokens
from webapp.tiktok.errors import AccessRefused, TikTokError

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Which half worked. Our half always does: the tokens that were held are gone by now."""

    #: TikTok confirmed the end, or held nothing to end.
    confirmed: bool
    #: TikTok's code, or ours, when it did not confirm.
    code: str = ""
    log_id: str = ""


def disconnect(house: House, user_id: int) -> Outcome:
    """Revoke at TikTok (refreshing first if the access is over), then forget (rule 40).

    Who connects again while TikTok is being told stays connected: that was their later wish.
    """
    began = _begin(user_id)
    outcome = _tell_tiktok(house, began)
    with writing() as session:
        user = session.get(User, user_id, with_for_update=True)
        if user is not None and not _connected_again(user, began):
            house.vault.forget(user)
            user.status = Status.REVOKED
            log.info("disconnected", open_id=user.open_id, confirmed=outcome.confirmed)
    return outcome


def delete(house: House, user_id: int) -> Outcome:
    """Disconnect, then erase the row and every session; nothing of it is left in the file."""
    outcome = disconnect(house, user_id)
    while not _erased(user_id):
        # They connected again in between, so there is a new grant to revoke.
        outcome = disconnect(house, user_id)
    scrub()
    log.info("deleted")
    return outcome


def _erased(user_id: int) -> bool:
    """Erase the row and its sessions; False if it holds tokens again."""
    with writing() as session:
        user = session.get(User, user_id, with_for_update=True)
        if user is not None and user.access_token is not None:
            return False
        session.execute(delete_rows(BrowserSession).where(BrowserSession.user_id == user_id))
        session.execute(delete_rows(User).where(User.id == user_id))
    return True


def _begin(user_id: int) -> User | None:
    """Mark the row, so that a refresh under way cannot bring the connection back."""
    with writing() as session:
        user = session.get(User, user_id, with_for_update=True)
        if user is not None and user.access_token is not None:
            user.status = Status.REVOKING
            user.version += 1
            user.claim = user.next_at = None
    return user


def _connected_again(user: User, began: User | None) -> bool:
    return user.status == Status.ACTIVE and (began is None or user.version != began.version)


def _tell_tiktok(house: House, user: User | None) -> Outcome:
    if user is None or user.access_token is None:
        return Outcome(confirmed=True)
    try:
        held = house.vault.load(user)
        if held is not None:
            _revoke(house, held, over=_access_is_over(house, user))
    except CannotOpen:
        return Outcome(confirmed=False, code="cannot_open")
    except TikTokError as error:
        log.warning("revoke_failed", open_id=user.open_id, code=error.code, log_id=error.log_id)
        return Outcome(confirmed=False, code=error.code, log_id=error.log_id)
    return Outcome(confirmed=True)


def _revoke(house: House, held: HeldTokens, *, over: bool) -> None:
    """Revoke with an access token that works; TikTok takes no other (tiktok-contract: Revoke).

    The tokens of a refresh on the way live only as long as this call: the row is on its way out.
    """
    if not over:
        try:
            house.provider.revoke(held.access_token)
        except AccessRefused:
            over = True
    if over:
        renewed = house.provider.refresh(held.refresh_token or "")
        house.provider.revoke(renewed.access_token)


def _access_is_over(house: House, user: User) -> bool:
    return user.access_expires_at is None or user.access_expires_at <= house.clock()
