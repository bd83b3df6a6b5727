"""What is known of connections, for whoever looks after them; never a token, changes nothing."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select

from webapp.database import reading
from webapp.models import Health, User
from webapp.services.house import House

#: The words by which connections can be picked.
HEALTHS: tuple[str, ...] = tuple(each.value for each in Health)
_PAGE = 500
#: Columns that tell something and are no secret, in the order they are read.
_TOLD = (
    *("status", "reason", "ended_at", "version", "next_at", "failures", "refused_at"),
    *("interrupted", "last_error", "last_log_id", "refreshes", "refreshed_at"),
    *("access_expires_at", "refresh_expires_at", "connected_at", "created_at", "last_used_at"),
    *("operator_since", "union_id", "username", "ticket"),
)


def listed(house: House, now: datetime, health: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the connections by key, a page at a time; with `health` those that stand so."""
    last = 0
    while found := _after(house, last):
        last = found[-1].id
        for user in found:
            if health in (None, user.health(now).value):
                yield _in_short(user, now)


def facts(house: House, open_id: str, now: datetime) -> dict[str, Any] | None:
    """Return all that is known of one connection, times as text; None if there is none."""
    user = find(house, open_id)
    if user is None:
        return None
    told = {name: _text(getattr(user, name)) for name in _TOLD}
    return _in_short(user, now) | {
        "granted": sorted(user.granted),
        "asked": sorted(user.asked),
        "claimed": user.claim is not None,
        "tokens_kept": user.access_token is not None,
        "fingerprint": house.vault.fingerprint(user),
        **told,
    }


def find(house: House, open_id: str) -> User | None:
    """Return the row of this open_id within the TikTok app of the settings, detached."""
    with reading() as session:
        return session.scalar(select(User).where(_ours(house), User.open_id == open_id))


def _after(house: House, last: int) -> list[User]:
    query = select(User).where(_ours(house), User.id > last).order_by(User.id).limit(_PAGE)
    with reading() as session:
        return list(session.scalars(query))


def _ours(house: House) -> ColumnElement[bool]:
    return User.client_key == house.settings.tiktok_client_key


def _in_short(user: User, now: datetime) -> dict[str, Any]:
    return {
        "open_id": user.open_id,
        "display_name": user.display_name,
        "health": user.health(now).value,
        "access_expires_at": _text(user.access_expires_at),
        "refresh_expires_at": _text(user.refresh_expires_at),
        "grant_ending": user.grant_ending(now),
        "last_error": user.last_error,
    }


def _text(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
