"""What the app holds of people, read past its pages, to be compared with TikTok's books."""

import hashlib

from flask import Flask
from sqlalchemy import select

from tests.servers import Sandbox
from webapp.database import reading
from webapp.models import User
from webapp.services.runtime import Runtime
from webapp.services.vault import HeldTokens
from webapp.views.http.runtime import KEY


def runtime_of(app: Flask) -> Runtime:
    """Return the runtime of an app; its services need `app.app_context()` around them."""
    runtime = app.extensions[KEY]
    assert isinstance(runtime, Runtime)
    return runtime


def rows(app: Flask) -> list[User]:
    """Return every person's row, oldest first, detached."""
    with app.app_context(), reading() as session:
        return list(session.scalars(select(User).order_by(User.id)))


def the_row(app: Flask) -> User:
    """Return the only row. Raises AssertionError if there are more or none."""
    found = rows(app)
    assert len(found) == 1, f"{len(found)} rows"
    return found[0]


def opened(app: Flask, user: User) -> HeldTokens:
    """Return the plain tokens of a row. Raises AssertionError if it holds none."""
    held = runtime_of(app).vault.load(user)
    assert held is not None, "the row holds no tokens"
    return held


def assert_holds_what_tiktok_holds(app: Flask, sandbox: Sandbox) -> None:
    """Fail unless every row's tokens are the ones that live at TikTok."""
    books = sandbox.books()
    for user in rows(app):
        held, grant = opened(app, user), books[user.open_id]
        assert sha256(held.access_token) == grant["access_token_sha256"]
        assert sha256(held.refresh_token or "") == grant["refresh_token_sha256"]


def assert_forgotten(user: User) -> None:
    """Fail if anything is left in a row that could be used at TikTok, or brings it back."""
    assert (user.access_token, user.refresh_token) == (None, None)
    assert (user.access_expires_at, user.refresh_expires_at) == (None, None)
    assert (user.claim, user.next_at) == (None, None)
    assert user.granted == frozenset()
    assert user.status == "revoked"


def sha256(text: str) -> str:
    """Return the hash under which the sandbox shows a token."""
    return hashlib.sha256(text.encode()).hexdigest()
