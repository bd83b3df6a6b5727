"""`/readyz` tells what keeps this installation from serving; `/healthz` that it lives."""

import base64
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import make_url, text

from tests.databases import Postgres, find_postgres, postgres
from tests.environment import complete
from tests.fixtures.app import MakeApp
from tests.fixtures.database import dispose
from tests.missing import missing
from tests.views.connections import connection
from webapp.app import create_app
from webapp.database import db
from webapp.settings import load


@dataclass
class Watched:
    """An app as a probe sees it, and the secrets that no probe may see."""

    app: Flask
    secrets: tuple[str, ...]

    def ready(self) -> list[str]:
        """Return the faults that `/readyz` names, having held the answers to their form."""
        client = self.app.test_client()
        alive = client.get("/healthz", base_url="http://127.0.0.1")
        assert (alive.status_code, alive.get_json()) == (200, {"status": "ok"})
        answer = client.get("/readyz", base_url="http://127.0.0.1")
        told = answer.get_json()
        assert answer.status_code == (503 if told["faults"] else 200), answer.text
        assert told["status"] == ("not ready" if told["faults"] else "ok")
        assert answer.headers["Cache-Control"] == "no-store"
        assert not [secret for secret in self.secrets if secret in answer.text]
        return [f"{fault['name']}: {fault['cause']}" for fault in told["faults"]]

    def run(self, statement: str) -> None:
        """Change the database behind the app's back."""
        with self.app.app_context(), db.engine.begin() as connected:
            connected.execute(text(statement))


def watched(url: str, **changes: str) -> Watched:
    """Return an app on this database. Close it with `dispose`."""
    env = complete(url, 8000) | changes
    names = ("SECRET_KEY", "TOKEN_KEYS", "TIKTOK_CLIENT_SECRET", "DATABASE_URL")
    app = create_app(load(env))
    app.testing = True
    password = make_url(url).password
    return Watched(app, (*(env[name] for name in names), *([str(password)] if password else [])))


@pytest.fixture
def probe(each_database: str, migrated: str) -> Iterator[Watched]:
    """An app whose database is as it should be, on both databases."""
    made = watched(migrated)
    yield made
    dispose(made.app)


@pytest.fixture
def fresh(each_database: str, database_url: str) -> Iterator[Watched]:
    """An app whose database has never been migrated, on both databases."""
    made = watched(database_url)
    yield made
    dispose(made.app)


def test_all_is_well(probe: Watched) -> None:
    assert probe.ready() == []
    connection(probe.app, 1)
    assert probe.ready() == []


def test_a_database_that_was_never_made_is_told_and_not_made(
    fresh: Watched, each_database: str, tmp_path: Path
) -> None:
    (fault,) = fresh.ready()
    if each_database == "sqlite":
        assert fault == "DATABASE_URL: there is no database yet"
        assert not (tmp_path / "app.db").exists()
    else:
        assert fault == "DATABASE_URL: the database is not at the latest migration"


def test_an_older_migration_is_told_until_it_is_mended(probe: Watched) -> None:
    with probe.app.app_context():
        flask_migrate.downgrade()
        assert probe.ready() == ["DATABASE_URL: the database is not at the latest migration"]
        flask_migrate.upgrade()
    assert probe.ready() == []


def test_a_migration_from_the_future_is_told(probe: Watched) -> None:
    probe.run("UPDATE alembic_version SET version_num = 'ffff'")
    assert probe.ready() == ["DATABASE_URL: the database was updated by a newer release"]


def test_a_database_with_a_table_missing_is_told(probe: Watched) -> None:
    probe.run("ALTER TABLE users RENAME TO people")
    (fault,) = probe.ready()
    assert fault.startswith("DATABASE_URL: the database cannot be read (")


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "app.db").write_text("made up, and no database" * 100, encoding="utf-8")
    made = watched(f"sqlite:///{tmp_path / 'app.db'}")
    assert made.ready() == [
        "DATABASE_URL: the database cannot be read: the file is damaged, or not an SQLite database"
    ]
    dispose(made.app)


@pytest.mark.usefixtures("each_database")
def test_keys_that_open_nothing_are_told(
    app: Flask, make_app: MakeApp, env: dict[str, str]
) -> None:
    connection(app, 1)
    other = base64.b64encode(secrets.token_bytes(32)).decode()
    wrong = Watched(make_app(TOKEN_KEYS=other), (other, env["TOKEN_KEYS"]))
    (fault,) = wrong.ready()
    assert fault.startswith("TOKEN_KEYS: the stored tokens cannot be decrypted")
    rotated = Watched(make_app(TOKEN_KEYS=f"{other},{env['TOKEN_KEYS']}"), (other,))
    assert rotated.ready() == []


@pytest.mark.postgres
class TestPostgres:
    def test_a_server_that_was_stopped_is_told(self) -> None:
        if (programs := find_postgres()) is None:
            missing("no PostgreSQL: its programs are not there")
        with postgres(programs) as server:
            url = server.create().set(password="made-up-password")
            made = watched(url.render_as_string(hide_password=False))
            with made.app.app_context():
                flask_migrate.upgrade()
            assert made.ready() == []
        assert made.ready() == ["DATABASE_URL: the database isn't responding (OperationalError)"]
        dispose(made.app)

    def test_it_is_ready_again_when_the_database_is_back(
        self, postgres_server: Postgres, template_of: Callable[[str], str]
    ) -> None:
        template = make_url(template_of("postgresql"))
        url = postgres_server.create(template)
        made = watched(url.render_as_string(hide_password=False))
        assert made.ready() == []
        postgres_server.drop(url)
        assert made.ready() == ["DATABASE_URL: the database server has no database with this name"]
        postgres_server.refill(url, template)
        assert made.ready() == []
        dispose(made.app)
        postgres_server.drop(url)

    @pytest.mark.long
    def test_a_server_that_says_nothing_is_given_up(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            made = watched(f"postgresql+psycopg://me:made-up-password@127.0.0.1:{port}/app")
            assert made.ready() == [
                "DATABASE_URL: the database isn't responding (OperationalError)"
            ]
            dispose(made.app)
