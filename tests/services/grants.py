"""Grants for tests of the services: made up on the spot, or given by the sandbox."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tests.servers import Sandbox
from webapp.database import writing
from webapp.models import PersonRef
from webapp.services import people
from webapp.services.connect import sessions
from webapp.services.connect.connect import Connected, connect_person
from webapp.services.runtime import Runtime
from webapp.tokens import TokenSet

BASIC = "user.info.basic"


def made_up(now: datetime, open_id: str = "made-up-person", **changes: Any) -> TokenSet:
    """Return a whole token answer that no TikTok gave; `changes` by the name of the field."""
    tokens = TokenSet(
        access_token=f"act.{secrets.token_urlsafe(24)}",
        refresh_token=f"rft.{secrets.token_urlsafe(24)}",
        open_id=open_id,
        scopes=frozenset({BASIC}),
        access_expires_at=now + timedelta(hours=2),
        refresh_expires_at=now + timedelta(days=180),
    )
    return replace(tokens, **changes)


def given(sandbox: Sandbox, now: datetime, person: str = "mara") -> TokenSet:
    """Let a person consent at the sandbox; return the token answer that TikTok gave."""
    return _read(sandbox.control("grants", person=person, scopes=[BASIC]), now)


def given_to_many(sandbox: Sandbox, now: datetime, count: int) -> list[TokenSet]:
    """Let so many made-up people consent at the sandbox; return the token answers."""
    answers = sandbox.control("crowd", count=count, scopes=[BASIC])["grants"] if count else []
    return [_read(answer, now) for answer in answers]


def _read(answer: Mapping[str, Any], now: datetime) -> TokenSet:
    return TokenSet(
        access_token=answer["access_token"],
        refresh_token=answer["refresh_token"],
        open_id=answer["open_id"],
        scopes=frozenset(answer["scope"].split(",")),
        access_expires_at=now + timedelta(seconds=answer["expires_in"]),
        refresh_expires_at=now + timedelta(seconds=answer["refresh_expires_in"]),
    )


def sign_in(
    runtime: Runtime,
    person: PersonRef,
    now: datetime | None = None,
    *,
    browser: str | None = None,
    system: str | None = None,
) -> str:
    """Sign a browser of this person in, as a connect does; return the secret of its session."""
    device = sessions.Device(browser, system)
    with writing() as session:
        user = people.locked(session, person)
        assert user is not None, "the person is gone"
        return sessions.begin(session, runtime, user, device, now or runtime.clock())


def join(runtime: Runtime, tokens: TokenSet) -> Connected:
    """Connect the person a token answer belongs to, at the present of the runtime's clock."""
    return connect_person(runtime, tokens, [BASIC], None, runtime.clock())
