"""A temporary folder, an environment, a migrated database and an app for one measurement."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import make_url

from benchmarks.provider.grants import CLIENT_KEY, CLIENT_SECRET
from tests import databases
from tests.environment import NOBODY, complete
from tests.processes import plain_environment, reserved_port
from webapp.app import create_app
from webapp.database import db
from webapp.services.runtime import Runtime
from webapp.settings import load
from webapp.views.http.runtime import KEY

#: Room for many connections. As in production, commits wait for the disk.
_SERVER = ("max_connections=300",)


class NoServer(RuntimeError):
    """PostgreSQL was requested, but its programs are not installed."""


@dataclass(frozen=True)
class Stage:
    """Everything one measurement needs. Use the database inside `app.app_context()`."""

    folder: Path
    #: Environment variables with which a process of the app uses this database.
    env: dict[str, str]
    port: int
    app: Flask

    @property
    def runtime(self) -> Runtime:
        """The app's settings, vault and clock."""
        runtime: Runtime = self.app.extensions[KEY]
        return runtime


@contextmanager
def server(url: str | None, *, own: bool) -> Iterator[databases.Postgres | None]:
    """Yield the PostgreSQL server at `url`, or a temporary one if `own`, or None for SQLite.

    Raises NoServer if a temporary one cannot be started.
    """
    if url is not None:
        yield databases.Postgres(make_url(url).set(drivername="postgresql+psycopg"))
        return
    programs = databases.find_postgres() if own else None
    if own and programs is None:
        raise NoServer("PostgreSQL is not installed on this machine")
    with databases.postgres(programs, _SERVER) if programs else nullcontext() as started:
        yield started


@contextmanager
def stage(
    postgres: databases.Postgres | None = None, *, tiktok_url: str = NOBODY
) -> Iterator[Stage]:
    """Yield a stage with an empty, migrated database."""
    with (
        tempfile.TemporaryDirectory(prefix="coatcheck-benchmark-") as name,
        reserved_port() as port,
        _database(postgres, Path(name)) as url,
    ):
        # REFRESH_RATE is high enough that only the machine sets the pace.
        env = complete(
            url,
            port,
            tiktok_url=tiktok_url,
            client_key=CLIENT_KEY,
            client_secret=CLIENT_SECRET,
        )
        env |= {"REFRESH_RATE": "10000", "LOG_LEVEL": "WARNING"}
        app = create_app(load(env))
        with app.app_context():
            flask_migrate.upgrade()
            try:
                yield Stage(
                    Path(name), plain_environment() | env | {"LOG_LEVEL": "INFO"}, port, app
                )
            finally:
                db.engine.dispose()


@contextmanager
def _database(postgres: databases.Postgres | None, folder: Path) -> Iterator[str]:
    if postgres is None:
        yield f"sqlite:///{folder / 'app.db'}"
        return
    url = postgres.create()
    try:
        yield url.render_as_string(hide_password=False)
    finally:
        postgres.drop(url)
