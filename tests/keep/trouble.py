"""Databases in trouble: locked, out of reach, cut off in the middle; each is well again at the end.

SQLite is locked by another connection; PostgreSQL lets nobody in, as when it is down.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import make_url

from webapp import database
from webapp.database import db
from webapp.services.runtime import Runtime

SHORT_MS = 100


@contextmanager
def locked(runtime: Runtime, *, wholly: bool = False) -> Iterator[None]:
    """Let another connection hold the lock that every commit of a refresh needs.

    `wholly`: the strongest there is, which on PostgreSQL keeps readers out, too.
    """
    url = make_url(runtime.settings.database_url)
    if url.get_backend_name() == "sqlite":
        other = sqlite3.connect(str(url.database), isolation_level=None, check_same_thread=False)
        other.execute("PRAGMA busy_timeout=10000")
        other.execute("BEGIN EXCLUSIVE" if wholly else "BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
        return
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain) as connection:
        mode = "ACCESS EXCLUSIVE" if wholly else "SHARE ROW EXCLUSIVE"
        connection.execute(f"LOCK TABLE users IN {mode} MODE")
        yield
        connection.rollback()


@contextmanager
def out_of_reach(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every write fail, soon and again and again, until the block ends."""
    url = make_url(runtime.settings.database_url)
    if url.get_backend_name() == "sqlite":
        monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", SHORT_MS)
        db.engine.dispose()
        with locked(runtime):
            yield
        return
    name = url.database
    admin = url.set(drivername="postgresql", database="postgres")
    plain = admin.render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        try:
            yield
        finally:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
