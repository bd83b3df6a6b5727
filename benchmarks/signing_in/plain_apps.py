"""Two apps to compare with: sign in with TikTok through Flask and Authlib, and nothing else.

`naive` is what a tutorial leads to. `pooled` is the least that is fast: it keeps its connections to
the provider and to the database. Both keep the state in Flask's session cookie, write one row per
sign-in, with the tokens as they are, and lack what this project adds: encryption, sessions that can
be ended, an audit log, permissions to choose from, refreshing.
"""

import hashlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager

from authlib.integrations.base_client import OAuthError
from authlib.integrations.flask_client import OAuth
from flask import Flask, abort, redirect, render_template_string, session, url_for
from requests import Session
from requests.adapters import HTTPAdapter
from werkzeug.wrappers import Response

#: Where both apps store people.
DATABASE = "PLAIN_DATABASE"
_TABLE = """CREATE TABLE IF NOT EXISTS users (
    open_id TEXT PRIMARY KEY, name TEXT, access_token TEXT, refresh_token TEXT, expires_at INTEGER)
"""
_UPSERT = """INSERT INTO users VALUES (?, ?, ?, ?, ?) ON CONFLICT (open_id) DO UPDATE SET
    name = excluded.name, access_token = excluded.access_token,
    refresh_token = excluded.refresh_token, expires_at = excluded.expires_at
"""
_PAGE = """<!doctype html><title>{{ title }}</title><h1>{{ title }}</h1>
{% if name %}<p>Signed in as {{ name }}.</p>
{% else %}<form method="post"><button>Continue with TikTok</button></form>{% endif %}
"""
#: Gives a connection to the database, to use in a `with` block.
Opener = Callable[[], AbstractContextManager[sqlite3.Connection]]


class KeptAdapter(HTTPAdapter):
    """A connection pool that outlives the sessions that Authlib makes for each call."""

    def close(self) -> None:
        """Keep the connections."""


def naive() -> Flask:
    """Return the app whose calls each open a TLS connection, and whose requests a database."""

    @contextmanager
    def database() -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(os.environ[DATABASE], timeout=30)) as connection, connection:
            yield connection

    return _app(database, None)


def pooled() -> Flask:
    """Return the app that keeps a pool of TLS connections, and a database connection a thread."""
    adapter = KeptAdapter(pool_maxsize=64)
    kept = threading.local()

    @contextmanager
    def database() -> Iterator[sqlite3.Connection]:
        if not hasattr(kept, "connection"):
            kept.connection = sqlite3.connect(os.environ[DATABASE], timeout=30)
            kept.connection.execute("PRAGMA journal_mode = WAL")
        with kept.connection as connection:
            yield connection

    def mount(client: Session) -> None:
        client.mount("https://", adapter)

    return _app(database, mount)


def _app(database: Opener, mount: Callable[[Session], None] | None) -> Flask:
    app = Flask(__name__)
    app.secret_key = os.environ["SECRET_KEY"]
    key, api = os.environ["TIKTOK_CLIENT_KEY"], os.environ["TIKTOK_API_URL"]
    callback = os.environ["TIKTOK_REDIRECT_URI"]
    tiktok = OAuth(app).register(
        "tiktok",
        client_id=key,
        client_secret=os.environ["TIKTOK_CLIENT_SECRET"],
        authorize_url=os.environ["TIKTOK_AUTHORIZE_URL"],
        access_token_url=f"{api}oauth/token/",
        api_base_url=api,
        client_kwargs={
            "scope": "user.info.basic",
            "token_endpoint_auth_method": "client_secret_post",
        },
        compliance_fix=mount,
    )
    with database() as connection:
        connection.execute(_TABLE)

    @app.get("/connect")
    def choose() -> str:
        return render_template_string(_PAGE, title="Sign in")

    @app.post("/connect")
    def start() -> Response:
        verifier = session["verifier"] = secrets.token_urlsafe(48)
        # TikTok's challenge is hex, and its name for the client ID is client_key.
        challenge = hashlib.sha256(verifier.encode()).hexdigest()
        found: Response = tiktok.authorize_redirect(
            callback, client_key=key, code_challenge=challenge, code_challenge_method="S256"
        )
        return found

    @app.get("/api/auth/tiktok/callback")
    def finish() -> Response:
        try:
            token = tiktok.authorize_access_token(
                client_key=key, code_verifier=session.pop("verifier", "")
            )
        except OAuthError:
            abort(400)
        fields = {"fields": "open_id,display_name"}
        answer = tiktok.get("user/info/", params=fields, token=token).json()
        user = answer["data"]["user"]
        secret = (token["access_token"], token["refresh_token"], token["expires_at"])
        with database() as connection:
            connection.execute(_UPSERT, (user["open_id"], user["display_name"], *secret))
        session["user"] = user["open_id"]
        return redirect(url_for("account"), 303)

    @app.get("/account")
    def account() -> str | Response:
        with database() as connection:
            found = connection.execute(
                "SELECT name FROM users WHERE open_id = ?", (session.get("user"),)
            ).fetchone()
        if found is None:
            return redirect(url_for("choose"), 303)
        return render_template_string(_PAGE, title="Your account", name=found[0])

    return app
