"""Makes people's rows in every state of health, with sealed tokens; asks no TikTok."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from tests.services import grants
from webapp.database import writing
from webapp.models import Health, Status, User
from webapp.services.runtime import Runtime
from webapp.tokens import TokenSet

BASIC = "user.info.basic"


def runtime_of(app: Flask) -> Runtime:
    """Return the app's runtime."""
    runtime: Runtime = app.extensions["coatcheck"]
    return runtime


def changes(health: Health, now: datetime) -> Mapping[str, Any]:
    """Return what makes a fresh row look this healthy at `now`."""
    past, soon = now - timedelta(minutes=5), now + timedelta(minutes=1)
    return {
        Health.FRESH: {},
        Health.DUE: {"next_at": past},
        Health.REFRESHING: {"claim": "made-up", "next_at": soon},
        Health.FAILING: {"status": Status.FAILING, "failures": 3, "last_error": "server_error"},
        Health.EXPIRED: {"access_expires_at": past},
        Health.RECONNECT: {"status": Status.RECONNECT, "last_error": "invalid_grant"},
        Health.REVOKING: {"status": Status.REVOKING, "next_at": None},
        Health.REVOKED: {"status": Status.REVOKED},
    }[health]


def connection(
    app: Flask, number: int, health: Health = Health.FRESH, *, name: str | None = "Mara"
) -> User:
    """Store one person's connection in this state of health, and return the row."""
    runtime = runtime_of(app)
    now = runtime.clock()
    tokens = TokenSet(
        access_token=f"act.made-up-{number}",
        refresh_token=f"rft.made-up-{number}",
        open_id=f"open-{number:03}",
        scopes=frozenset({BASIC}),
        access_expires_at=now + timedelta(hours=2),
        refresh_expires_at=now + timedelta(days=150),
    )
    with app.app_context(), writing() as session:
        user = User(
            client_key=runtime.settings.tiktok_client_key,
            open_id=tokens.open_id,
            display_name=name,
            ticket=f"ct_2222-{number:04}",
            asked_scope=f"{BASIC},video.list",
            version=0,
            created_at=now - timedelta(days=40),
            connected_at=now - timedelta(days=3),
            next_at=now + timedelta(hours=1),
        )
        runtime.vault.store(user, tokens, now - timedelta(hours=1))
        for column, value in changes(health, now).items():
            setattr(user, column, value)
        if health is Health.REVOKED:
            runtime.vault.forget(user)
        session.add(user)
    assert user.health(now) is health
    return user


def sign_in(app: Flask, client: FlaskClient, user: User) -> None:
    """Give the client the cookie of a browser in which this person signed in."""
    runtime = runtime_of(app)
    with app.app_context():
        secret = grants.sign_in(runtime, user.ref)
    with client.session_transaction() as session:
        session.update(_user_id=secret, _fresh=True)
