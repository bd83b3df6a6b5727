"""The people of the demo whom you can sign in as: each is connected in a different state."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from demo import members
from demo.members import Member
from demo.states import STATES
from demo.story import Event
from webapp.actor import Actor
from webapp.database import writing
from webapp.models import Health
from webapp.services import people
from webapp.services.runtime import Runtime

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
#: Far above the numbers of a crowd.
_FIRST_NUMBER = 1_000_000_000
_OPERATOR_FOR = timedelta(days=80)

_STATES = {
    Health.FRESH: "connected",
    Health.DUE: "connected; the worker is refreshing it",
    Health.EXPIRED: "connected; access has expired, the worker is refreshing it",
    Health.FAILING: "connected; TikTok refuses each refresh for now",
    Health.RECONNECT: "must reconnect: TikTok rejected the refresh",
    Health.REVOKED: "disconnected",
}


def state(name: str) -> str:
    """Return the state of this person's connection, in words."""
    words = _STATES[PEOPLE[name]] if name in PEOPLE else "not connected yet"
    return f"{words}; an operator: open /operators/tokens" if name == OPERATOR else words


def seed(
    runtime: Runtime, sandbox: str, profiles: Iterable[Mapping[str, Any]], now: datetime
) -> Member:
    """Connect these people, each in their state; return the operator.

    `profiles`: everyone in the sandbox, as /control/people lists them.
    """
    settings = runtime.settings
    scopes = (*settings.tiktok_scopes, *settings.tiktok_optional_scopes)
    known = {profile["name"]: profile for profile in profiles}
    connected = [
        Member(
            number=_FIRST_NUMBER + number,
            name=name,
            listed=True,
            open_id=known[name]["open_id"],
            display_name=known[name]["display_name"],
            username=None,
            union_id=known[name]["union_id"],
            scopes=scopes,
            state=STATES[health],
        )
        for number, (name, health) in enumerate(PEOPLE.items())
    ]
    members.add_people(runtime, connected, sandbox)
    operator = next(member for member in connected if member.name == OPERATOR)
    _make_operator(runtime, operator, now)
    return operator


def _make_operator(runtime: Runtime, operator: Member, now: datetime) -> None:
    with writing() as session:
        user = session.scalars(people.by_open_id(runtime, operator.open_id)).one()
        since = max(user.created_at, now - _OPERATOR_FOR)
        user.operator_since = since
        by = Actor("command", "operators add")
        members.record_events(session, [Event(since, by, "operator.added", operator.ticket)])
