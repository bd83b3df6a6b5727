"""Fetching a person's name from TikTok; a failure here never undoes a connection (rule 48)."""

import structlog
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import writing
from webapp.models import PersonRef, User
from webapp.services import people
from webapp.services.house import House
from webapp.services.operators import searching
from webapp.services.refresh.on_demand import NotConnected, Pending, ReconnectRequired, fresh_access
from webapp.services.vault import CannotOpen
from webapp.tiktok.errors import AccessRefused, TikTokError
from webapp.tiktok.provider import Profile

log = structlog.get_logger(__name__)


def update_profile(house: House, person: PersonRef) -> None:
    """Ask TikTok who this is and write the name down; keep the old one if TikTok does not say.

    A refused access token is refreshed once and the question asked once more (rule 46). Nothing is
    written once the account is deleted, whoever connects meanwhile.
    """
    try:
        user = people.find(person)
        profile = _ask(house, user) if user is not None else None
        if profile is not None:
            _write(person, profile)
    except (
        *(TikTokError, NotConnected, ReconnectRequired, Pending, CannotOpen),
        # Whoever signs in is connected by now, and must not lose the session over a name.
        SQLAlchemyError,
    ) as error:
        log.warning(
            "profile_not_read",
            ticket=person.ticket,
            code=getattr(error, "code", None) or type(error).__name__,
            log_id=getattr(error, "log_id", None),
        )


def _ask(house: House, user: User) -> Profile | None:
    held = house.vault.load(user)
    if held is None:
        return None
    try:
        return house.provider.user_info(
            held.access_token, open_id=user.open_id, scopes=user.granted
        )
    except AccessRefused:
        renewed = fresh_access(house, user.open_id, person=user.ref, rejected_version=user.version)
        return house.provider.user_info(
            renewed.access_token, open_id=user.open_id, scopes=renewed.scopes
        )


def _write(person: PersonRef, profile: Profile) -> None:
    with writing() as session:
        user = people.locked(session, person)
        if user is None:
            return
        if profile.display_name and profile.display_name != user.display_name:
            user.display_name = profile.display_name
            searching.keep(session, user.id, profile.display_name)
        user.username = profile.username or user.username
        user.union_id = profile.union_id or user.union_id
