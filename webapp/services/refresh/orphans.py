"""Answers that came after their grant was ended: given back, so that none lives on unseen.

Writes no row, and never ends a connection that somebody has.
"""

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import reading
from webapp.models import Status, User
from webapp.services.house import House
from webapp.tiktok.errors import TikTokError
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

_ENDED = (Status.REVOKING, Status.REVOKED)


def give_back(house: House, open_id: str, tokens: TokenSet) -> None:
    """Revoke a pair that no row took, if the grant was ended meanwhile, here or there.

    Not if the person is connected: revoking ends the whole connection at TikTok.
    """
    try:
        kept = _is_connected(house, open_id)
        log.info("refresh_came_late", open_id=open_id, kept=kept)
        if not kept:
            house.provider.revoke(tokens.access_token)
    except (TikTokError, SQLAlchemyError) as failure:
        log.warning("orphan_not_revoked", open_id=open_id, error=type(failure).__name__)


def _is_connected(house: House, open_id: str) -> bool:
    with reading() as session:
        kept = session.scalar(
            select(User.id)
            .where(User.client_key == house.settings.tiktok_client_key)
            .where(User.open_id == open_id, User.status.notin_(_ENDED))
            # Wiped by TikTok's webhook: nobody holds the grant any more.
            .where(User.access_token.is_not(None))
        )
    return kept is not None
