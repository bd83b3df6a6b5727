"""What a test looks at to know what happened: the question in a URL, the rows, TikTok's books.

Never changes anything, neither here nor at the sandbox.
"""

import hashlib
import re
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import undefer

from tests.environment import CALLBACK
from tests.servers import Sandbox
from webapp.database import reading
from webapp.models import User
from webapp.services.runtime import Runtime
from webapp.services.vault import HeldTokens
from webapp.views.http.runtime import KEY


def question(location: str) -> dict[str, str]:
    """Return the parameters of an authorize URL. Raises AssertionError if one comes twice."""
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), f"a parameter is doubled: {[name for name, _ in pairs]}"
    return dict(pairs)


def callback(*pairs: tuple[str, str]) -> str:
    """Return a callback path with these parameters, in order; one may come twice."""
    return f"{CALLBACK}?{urlencode(pairs)}"


def heading(html: str) -> str:
    """Return the words of the page's one h1."""
    found = re.findall(r"<h1[^>]*>(.*?)</h1>", html, re.DOTALL)
    assert len(found) == 1, html
    return unescape(found[0]).strip()


def rows(app: Flask) -> list[User]:
    """Return everybody the app knows, first come first."""
    with app.app_context(), reading() as session:
        late = (undefer(User.history), undefer(User.refresh_days))
        return list(session.scalars(select(User).options(*late).order_by(User.id)))


def row(app: Flask, open_id: str) -> User:
    """Return the one row of an open_id. Raises ValueError if there is not exactly one."""
    (found,) = (user for user in rows(app) if user.open_id == open_id)
    return found


def held(app: Flask, user: User) -> HeldTokens:
    """Return the tokens of a row in the clear."""
    runtime: Runtime = app.extensions[KEY]
    tokens = runtime.vault.load(user)
    assert tokens is not None, "the row holds no tokens"
    return tokens


def token_calls(sandbox: Sandbox) -> int:
    """Return how many calls came to TikTok's token endpoint, whatever they asked and got."""
    calls: dict[str, dict[str, int]] = sandbox.counters()["calls"]
    return sum(sum(by.values()) for name, by in calls.items() if name.startswith("token"))


def all_calls(sandbox: Sandbox) -> int:
    """Return how many calls the app made to TikTok, the browser's own not counted."""
    calls: dict[str, dict[str, int]] = sandbox.counters()["calls"]
    return sum(sum(by.values()) for name, by in calls.items() if name != "authorize")


def as_in_the_books(app: Flask, sandbox: Sandbox, open_id: str) -> bool:
    """Tell whether the stored pair is the one that TikTok holds, and TikTok holds one."""
    tokens = held(app, row(app, open_id))
    book = sandbox.books()[open_id]
    return (_digest(tokens.access_token), _digest(tokens.refresh_token or "")) == (
        book["access_token_sha256"],
        book["refresh_token_sha256"],
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
