"""The people of the demo: connected through the sandbox, each in a different state."""

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

#: Who is connected, and in which state when the worker starts. Within seconds it refreshes anyone
#: who is due or expired. Everyone else in the sandbox has never connected.
PEOPLE: Mapping[str, Health] = {
    "mara": Health.FRESH,
    "tomas": Health.DUE,
    "aiko": Health.FAILING,
    "oluwaseun": Health.EXPIRED,
    "jo": Health.RECONNECT,
    "soren": Health.REVOKED,
}
OPERATOR = "mara"
#: The number of days for which there are figures.
DAYS_WITH_FIGURES = 12

_STATES = {
    Health.FRESH: "connected",
    Health.DUE: "connected; the worker is refreshing it",
    Health.EXPIRED: "connected; access has expired, the worker is refreshing it",
    Health.FAILING: "connected; refreshes are failing because TikTok was down",
    Health.RECONNECT: "must reconnect: TikTok rejected the refresh",
    Health.REVOKED: "disconnected",
}


def state(name: str) -> str:
    """Return the state of this person's connection, in words."""
    words = _STATES[PEOPLE[name]] if name in PEOPLE else "not connected yet"
    return f"{words}; an operator: open /operators/tokens" if name == OPERATOR else words


def seed(runtime: Runtime, grants: Mapping[str, TokenSet], now: datetime) -> int:
    """Connect these people and put each into their state; return how many there are.

    `grants` maps the names of PEOPLE to the tokens that the sandbox gave for them.
    """
    settings = runtime.settings
    asked = (*settings.tiktok_scopes, *settings.tiktok_optional_scopes)
    for name, tokens in grants.items():
        done = connect_person(runtime, tokens, asked, None, now - timedelta(days=40))
        update_profile(runtime, done.person)
        _set_state(runtime, done.person, PEOPLE[name], now)
        if name == OPERATOR:
            _make_operator(done.person, now)
    _add_figures(runtime, now)
    return len(grants)


def _add_figures(runtime: Runtime, now: datetime) -> None:
    """Add made-up figures of the last days for the charts, the same in every demo."""
    with writing() as session:
        for hour in range(1, DAYS_WITH_FIGURES * 24):
            refreshed = 20 + hour * 7 % 11
            counts = {"refreshed": refreshed, "ms.100": refreshed - 4, "ms.250": 4}
            if hour % 17 == 0:
                counts |= {"failed.transient": 3, "ms.5000": 3}
            at = now - timedelta(hours=hour)
            figures.add_counts(session, runtime.settings.tiktok_client_key, at, counts)


def _set_state(runtime: Runtime, person: PersonRef, health: Health, now: datetime) -> None:
    with writing() as session:
        user = session.scalars(select(User).where(User.is_(person))).one()
        user.refreshes = 40
        user.refreshed_at = now - timedelta(minutes=10)
        user.next_at = now + timedelta(minutes=70)
        if health is Health.DUE:
            user.next_at = now - timedelta(minutes=2)
        elif health is Health.FAILING:
            # Far in the future: the sandbox is up, so the next try would succeed.
            user.status, user.failures = Status.FAILING, 3
            user.last_error, user.next_at = "temporarily_unavailable", now + timedelta(days=365)
        elif health is Health.EXPIRED:
            user.access_expires_at = now - timedelta(minutes=30)
            # If it were overdue for longer, the worker would be reported as late.
            user.next_at = now - timedelta(minutes=2)
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
