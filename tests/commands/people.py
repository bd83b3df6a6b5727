"""Connects people of the sandbox, with real grants but without a browser."""

import hashlib
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from tests.servers import Sandbox
from webapp.database import reading, writing
from webapp.models import User
from webapp.services.connect.connect import connect_person
from webapp.services.runtime import Runtime
from webapp.tokens import TokenSet

SCOPES = ("user.info.basic",)


def join(runtime: Runtime, sandbox: Sandbox, name: str, **columns: Any) -> str:
    """Connect a person of the sandbox, then set columns of the row; return the open_id."""
    if name not in {person["name"] for person in sandbox.people()}:
        sandbox.control("people", name=name)
    answer = sandbox.control("grants", person=name, scopes=list(SCOPES))
    now = runtime.clock()
    tokens = TokenSet(
        access_token=answer["access_token"],
        refresh_token=answer["refresh_token"],
        open_id=answer["open_id"],
        scopes=frozenset(SCOPES),
        access_expires_at=now + timedelta(seconds=answer["expires_in"]),
        refresh_expires_at=now + timedelta(seconds=answer["refresh_expires_in"]),
    )
    done = connect_person(runtime, tokens, SCOPES, None, now)
    if columns:
        with writing() as session:
            session.execute(update(User).where(User.is_(done.person)).values(columns))
    return done.open_id


def join_due(runtime: Runtime, sandbox: Sandbox, *names: str) -> list[str]:
    """Connect people whose refresh has been due for a minute."""
    due = runtime.clock() - timedelta(minutes=1)
    return [join(runtime, sandbox, name, next_at=due) for name in names]


def row(runtime: Runtime, open_id: str) -> User:
    """Return the person's current row."""
    with reading() as session:
        return session.scalars(select(User).where(User.open_id == open_id)).one()


def is_what_tiktok_holds(runtime: Runtime, sandbox: Sandbox, open_id: str) -> bool:
    """Return True if the stored refresh token is the current one in the sandbox."""
    held = runtime.vault.load(row(runtime, open_id))
    assert held is not None
    assert held.refresh_token is not None
    digest = hashlib.sha256(held.refresh_token.encode()).hexdigest()
    return bool(sandbox.books()[open_id]["refresh_token_sha256"] == digest)
