"""Fills a demo database with made-up people in every state of health; never a real one."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select

from webapp.database import writing
from webapp.models import Health, Status, User
from webapp.services.connect import connect
from webapp.services.house import House
from webapp.services.profile import update_profile
from webapp.tokens import TokenSet

#: Who is seeded, and how their connection stands. Everybody else can connect for the first time.
PEOPLE: Mapping[str, Health] = {
    "mara": Health.FRESH,
    "tomas": Health.DUE,
    "aiko": Health.FAILING,
    "oluwaseun": Health.EXPIRED,
    "jo": Health.RECONNECT,
    "soren": Health.REVOKED,
}
OPERATOR = "mara"


def seed(house: House, grants: Mapping[str, TokenSet], now: datetime) -> int:
    """Connect these people with grants that the sandbox gave, and age them into their state.

    `grants` maps the short names of PEOPLE to their token answers. Returns how many there are.
    """
    asked = house.settings.tiktok_scopes
    for name, tokens in grants.items():
        done = connect(house, tokens, asked, None, now - timedelta(days=40))
        update_profile(house, done.user_id)
        _age(house, done.user_id, PEOPLE[name], now)
        if name == OPERATOR:
            _make_operator(done.user_id, now)
    return len(grants)


def _age(house: House, user_id: int, health: Health, now: datetime) -> None:
    with writing() as session:
        user = session.scalars(select(User).where(User.id == user_id)).one()
        user.refreshes = 40
        user.refreshed_at = now - timedelta(hours=1)
        if health is Health.DUE:
            user.next_at = now - timedelta(minutes=2)
        elif health is Health.FAILING:
            user.status, user.failures = Status.FAILING, 3
            user.last_error, user.next_at = "temporarily_unavailable", now + timedelta(minutes=4)
        elif health is Health.EXPIRED:
            user.access_expires_at = now - timedelta(minutes=30)
        elif health is Health.RECONNECT:
            user.status, user.last_error, user.next_at = Status.RECONNECT, "invalid_grant", None
            user.refresh_expires_at = now - timedelta(days=1)
        elif health is Health.REVOKED:
            house.vault.forget(user)
            user.status = Status.REVOKED


def _make_operator(user_id: int, now: datetime) -> None:
    with writing() as session:
        user = session.get(User, user_id)
        if user is not None:
            user.operator_since = now
