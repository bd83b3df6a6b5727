"""Refreshing one account: claim, call with nothing held, commit guarded by version.

Never calls TikTok inside a transaction, and never does anything between answer and commit.
"""

import random
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import or_, select, update

from webapp.database import reading, writing
from webapp.models import Status, User
from webapp.services.house import House
from webapp.services.vault import HeldTokens
from webapp.tiktok.errors import ConnectAgain, TikTokError, WrongAccount
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

#: Longer than a call may take, so that a claim outlives every call made under it.
LEASE = timedelta(seconds=60)
RETRY = timedelta(seconds=60)


class Busy(Exception):
    """Somebody else is refreshing this account, or it holds nothing to refresh."""


@dataclass(frozen=True)
class _Claim:
    user_id: int
    open_id: str
    version: int
    name: str
    held: HeldTokens


def next_refresh_at(now: datetime, expires_at: datetime) -> datetime:
    """Return a random moment between 50 % and 75 % of the life that is left.

    A fixed margin refreshes everybody who connected together in the same minute for ever.
    """
    return now + (expires_at - now) * random.uniform(0.5, 0.75)  # noqa: S311  (no secret)


def refresh(house: House, user_id: int) -> str:
    """Refresh one account at TikTok and return its new plain access token.

    Raises Busy if somebody else has the claim or there is no refresh token, CannotOpen if the
    row was sealed under another key, and the provider's errors when TikTok did not give one.
    """
    claim = _claim(house, user_id)
    try:
        tokens = house.provider.refresh(claim.held.refresh_token or "")
        if tokens.open_id not in (None, claim.open_id):
            raise WrongAccount("another_open_id")
    except TikTokError as error:
        _write_failure(house, claim, error)
        raise
    if not _commit(house, claim, tokens):
        _orphaned(house, claim, tokens)
        raise Busy
    return tokens.access_token


def _claim(house: House, user_id: int) -> _Claim:
    now = house.clock()
    name = secrets.token_hex(8)
    with writing() as session:
        user = session.scalar(
            update(User)
            .where(
                User.id == user_id,
                User.refresh_token.is_not(None),
                User.status.in_((Status.ACTIVE, Status.FAILING)),
                or_(User.claim.is_(None), User.next_at <= now),
            )
            .values(claim=name, next_at=now + LEASE)
            .returning(User)
        )
        if user is None:
            raise Busy
        held = house.vault.load(user)
    if held is None:
        raise Busy
    return _Claim(user.id, user.open_id, user.version, name, held)


def _commit(house: House, claim: _Claim, tokens: TokenSet) -> bool:
    """Store the answer if no other change of the grant came first, even when the lease is gone.

    The refresh token that was spent is still the stored one then, so this answer is the only
    valid grant (token-keeping: fencing by lease lost 50 of 50, guarding by version none).
    """
    now = house.clock()
    with writing(durable=True) as session:
        user = session.scalar(
            select(User)
            .where(User.id == claim.user_id, User.version == claim.version)
            .with_for_update()
        )
        if user is None:
            return False
        house.vault.store(user, tokens, now)
        user.next_at = next_refresh_at(now, tokens.access_expires_at)
        user.claim = user.last_error = user.last_log_id = None
        user.failures = 0
        user.refreshes += 1
        user.status = Status.ACTIVE
    log.info("refreshed", open_id=claim.open_id, life_known=tokens.life_known)
    return True


def _write_failure(house: House, claim: _Claim, error: TikTokError) -> None:
    now = house.clock()
    ours = (
        User.id == claim.user_id,
        User.version == claim.version,
        User.claim == claim.name,
    )
    with writing() as session:
        session.execute(
            update(User)
            .where(*ours)
            .values(
                claim=None,
                next_at=now + RETRY,
                failures=User.failures + 1,
                status=Status.FAILING if isinstance(error, ConnectAgain) else User.status,
                last_error=error.code,
                last_log_id=error.log_id,
            )
        )
    log.warning("refresh_failed", open_id=claim.open_id, code=error.code, log_id=error.log_id)


def _orphaned(house: House, claim: _Claim, tokens: TokenSet) -> None:
    """A reconnect or a disconnect came first: keep theirs; give ours back after a disconnect.

    A disconnect that is still under way counts too: the tokens it holds may be dead already.
    """
    with reading() as session:
        user = session.get(User, claim.user_id)
        ended = user is None or user.access_token is None or user.status == Status.REVOKING
    log.info("refresh_came_late", open_id=claim.open_id, ended=ended)
    if not ended:
        return
    try:
        house.provider.revoke(tokens.access_token)
    except TikTokError as error:
        log.warning("orphan_not_revoked", open_id=claim.open_id, code=error.code)
