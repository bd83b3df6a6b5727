"""One app under gunicorn for many browser journeys, emptied in between; never for two at once."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from playwright.sync_api import BrowserContext
from sqlalchemy import make_url

from tests import servers
from tests.environment import complete
from tests.processes import reserved_port

TABLES = ("browser_sessions", "spent_states", "users")


@dataclass(frozen=True)
class Site:
    """The served app, the database under it and the settings it was started with."""

    server: servers.Gunicorn
    env: Mapping[str, str] = field(repr=False)

    @property
    def url(self) -> str:
        """Return the origin, without a slash at the end."""
        return self.server.url

    def rows(self, table: str = "users") -> list[dict[str, Any]]:
        """Return what the database holds."""
        return self.sql(f"SELECT * FROM {table}")  # noqa: S608  # words of the tests alone

    def sql(self, statement: str, *values: object) -> list[dict[str, Any]]:
        """Run a statement beside the app, as another process would."""
        path = str(make_url(self.env["DATABASE_URL"]).database)
        with closing(sqlite3.connect(path, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            found = [dict(row) for row in connection.execute(statement, values)]
            connection.commit()
        return found

    def empty(self) -> None:
        """Forget everybody."""
        for table in TABLES:
            self.sql(f"DELETE FROM {table}")  # noqa: S608  # the names above

    def let_attempts_age(self, context: BrowserContext, seconds: int) -> None:
        """Let this browser's sign-ins under way have begun so much earlier.

        The clock of a served app cannot be moved; its key can sign what an older cookie would hold.
        """
        app = Flask("signer")
        app.secret_key = self.env["SECRET_KEY"]
        signer = SecureCookieSessionInterface().get_signing_serializer(app)
        assert signer is not None
        for cookie in context.cookies():
            name = str(cookie.get("name"))
            if name.startswith("attempt-"):
                held = signer.loads(str(cookie.get("value")))
                for attempt in held["attempts"]:
                    attempt[1] -= seconds
                value = str(signer.dumps(held))
                context.add_cookies([{"name": name, "value": value, "url": self.url}])


@contextmanager
def site(
    sandbox: servers.Sandbox, database_url: str, folder: Path, workers: int = 1, **changes: str
) -> Iterator[Site]:
    """Serve the app on a migrated database until the block ends; settings may be changed."""
    with reserved_port() as port:
        env = complete(
            database_url,
            port,
            tiktok_url=sandbox.url,
            client_key=sandbox.client_key,
            client_secret=sandbox.client_secret,
        )
        with servers.gunicorn(env | changes, folder, workers=workers) as server:
            yield Site(server, env | changes)
            assert "Traceback" not in server.log()
