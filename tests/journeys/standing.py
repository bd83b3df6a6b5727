"""The app under gunicorn, standing for a whole module, on a database that can be looked into."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from tests.environment import complete
from tests.journeys.http_browser import HttpBrowser
from tests.processes import reserved_port
from tests.servers import Gunicorn, Sandbox, gunicorn

#: What no log may hold, whatever was sent.
BROKEN = ("Traceback", "unhandled_exception", '"level": "critical"', "Error handling request")


@dataclass(frozen=True)
class Standing:
    """One served app, its mock TikTok and its database file."""

    server: Gunicorn
    sandbox: Sandbox
    database: Path
    env: dict[str, str]

    def browser(self) -> HttpBrowser:
        """Return a browser that was never here."""
        return HttpBrowser(self.server.url)

    def rows(self, table: str = "users") -> int:
        """Return how many rows a table has."""
        with closing(sqlite3.connect(self.database, timeout=10)) as connection:
            # The names come from the tests themselves.
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608

    def broken(self) -> list[str]:
        """Return the lines of the log that tell of something nobody expected."""
        lines = self.server.log().splitlines()
        return [line for line in lines if any(word in line for word in BROKEN)]


@contextmanager
def standing(
    sandbox: Sandbox, template: Callable[[str], str], folder: Path, workers: int = 1, **changes: str
) -> Iterator[Standing]:
    """Serve the app on a migrated SQLite file of its own until the block ends.

    `template` is the fixture `template_of`; `changes` are settings by name.
    """
    database = folder / "app.db"
    shutil.copy(str(make_url(template("sqlite")).database), database)
    with reserved_port() as port:
        env = complete(
            f"sqlite:///{database}",
            port,
            tiktok_url=sandbox.url,
            client_key=sandbox.client_key,
            client_secret=sandbox.client_secret,
        )
        env |= changes
        with gunicorn(env, folder, workers=workers) as server:
            yield Standing(server, sandbox, database, env)
