"""Fills a demo database with made-up people in every state of health; never a real one."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select

from webapp.database import writing
from webapp.models import Health, PersonRef, Reason, Status, User
from webapp.services import people
from webapp.services.connect.connect import connect_person
from webapp.services.connect.user_info import update_profile
from webapp.services.records import figures
from webapp.services.runtime import Runtime
from webapp.tokens import TokenSet

#: Who is seeded, and how their connection stands as the worker starts: it refreshes who is due or
#: expired within seconds. Everybody else can connect for the first time.
PEOPLE: Mapping[str, Health] = {
    "mara": Health.FRESH,
    "tomas": Health.DUE,
    "aiko": Health.FAILING,
    "oluwaseun": Health.EXPIRED,
    "jo": Health.RECONNECT,
    "soren": Health.REVOKED,
}
OPERATOR = "mara"
#: So many days have figures.
DAYS_DRAWN = 12


_STORIES = {
    Health.FRESH: "connected, fresh",
    Health.DUE: "connected; due, so the worker is refreshing it now",
    Health.EXPIRED: "connected; had run out, so the worker is refreshing it now",
    Health.FAILING: "connected, failing: TikTok was away, the next try is far off",
    Health.RECONNECT: "must connect again: TikTok refused to go on",
    Health.REVOKED: "revoked",
}


def story(name: str) -> str:
    """Return how this person stands, as the demo tells it."""
    return _STORIES[PEOPLE[name]] if name in PEOPLE else "not connected yet"


def seed(runtime: Runtime, grants: Mapping[str, TokenSet], now: datetime) -> int:
    """Connect these people with grants that the sandbox gave, and age them into their state.

    `grants` maps the short names of PEOPLE to their token answers. Returns how many there are.
    """
    asked = runtime.settings.tiktok_scopes
    for name, tokens in grants.items():
        done = connect_person(runtime, tokens, asked, None, now - timedelta(days=40))
        update_profile(runtime, done.person)
        _age(runtime, done.person, PEOPLE[name], now)
        if name == OPERATOR:
            _make_operator(done.person, now)
    _draw(runtime, now)
    return len(grants)


def _draw(runtime: Runtime, now: datetime) -> None:
    """Make up what the pictures show of the last days, the same in every demo."""
    with writing() as session:
        for hour in range(1, DAYS_DRAWN * 24):
            refreshed = 20 + hour * 7 % 11
            counts = {"refreshed": refreshed, "ms.100": refreshed - 4, "ms.250": 4}
            if hour % 17 == 0:
                counts |= {"failed.transient": 3, "ms.5000": 3}
            at = now - timedelta(hours=hour)
            figures.add_counts(session, runtime.settings.tiktok_client_key, at, counts)


def _age(runtime: Runtime, person: PersonRef, health: Health, now: datetime) -> None:
    with writing() as session:
        user = session.scalars(select(User).where(User.is_(person))).one()
        user.refreshes = 40
        user.refreshed_at = now - timedelta(minutes=10)
        user.next_at = now + timedelta(minutes=70)
        if health is Health.DUE:
            user.next_at = now - timedelta(minutes=2)
        elif health is Health.FAILING:
            # So far off that it lasts: the sandbox answers, so the next try would fix it.
            user.status, user.failures = Status.FAILING, 3
            user.last_error, user.next_at = "temporarily_unavailable", now + timedelta(days=30)
        elif health is Health.EXPIRED:
            user.access_expires_at = now - timedelta(minutes=30)
            user.next_at = now - timedelta(minutes=60)
        elif health is Health.RECONNECT:
            user.status, user.reason = Status.RECONNECT, Reason.REFUSED
            user.last_error, user.next_at = "invalid_grant", None
            user.ended_at = now - timedelta(days=1)
        elif health is Health.REVOKED:
            runtime.vault.forget(user)
            user.status, user.ended_at = Status.REVOKED, now - timedelta(days=1)


def _make_operator(person: PersonRef, now: datetime) -> None:
    with writing() as session:
        user = people.locked(session, person)
        if user is not None:
            user.operator_since = now
