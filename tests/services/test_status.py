"""Whether the app can serve: each fault by the name of its setting, with what fixes it."""

import base64
import secrets
import sqlite3
from collections.abc import Callable
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from tests.fixtures.app import MakeApp
from tests.services.grants import join, made_up
from tests.services.holding import runtime_of
from webapp.database import db
from webapp.problems import Problem
from webapp.services.maintenance.database_checks import database_fault, faults
from webapp.services.runtime import Runtime


def found(app: Flask) -> list[Problem]:
    with app.app_context():
        return faults(runtime_of(app))


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.mark.usefixtures("each_database")
def test_a_migrated_database_and_the_right_key_are_no_fault(runtime: Runtime, app: Flask) -> None:
    assert found(app) == []
    join(runtime, made_up(runtime.clock()))
    assert found(app) == []


def test_a_missing_database_is_told_with_its_command(app: Flask) -> None:
    path = file_of(app)
    path.unlink()
    (fault,) = found(app)
    assert (fault.name, fault.fix) == ("DATABASE_URL", "flask db upgrade")
    assert "no database yet" in fault.cause
    assert not path.exists(), "looking made one"


def file_of(app: Flask) -> Path:
    return Path(str(make_url(app.config["SQLALCHEMY_DATABASE_URI"]).database))


@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize("revision", ["base", "0001", "0002"])
def test_an_old_migration_is_told_with_its_command(app: Flask, revision: str) -> None:
    with app.app_context():
        flask_migrate.downgrade(revision=revision)
    (fault,) = found(app)
    assert (fault.name, fault.fix) == ("DATABASE_URL", "flask db upgrade")
    assert "latest migration" in fault.cause
    with app.app_context():
        flask_migrate.upgrade()
    assert found(app) == []


@pytest.mark.usefixtures("each_database")
def test_a_wrong_key_is_told_and_the_old_one_beside_it_mends_it(
    make_app: MakeApp, env: dict[str, str]
) -> None:
    app = make_app()
    with app.app_context():
        runtime = runtime_of(app)
        join(runtime, made_up(runtime.clock()))
    (fault,) = found(make_app(TOKEN_KEYS=new_key()))
    assert fault.name == "TOKEN_KEYS"
    assert "cannot be decrypted" in fault.cause
    assert found(make_app(TOKEN_KEYS=f"{new_key()},{env['TOKEN_KEYS']}")) == []


@pytest.mark.usefixtures("each_database")
def test_a_wrong_key_over_no_sealed_row_is_no_fault(make_app: MakeApp) -> None:
    assert found(make_app(TOKEN_KEYS=new_key())) == []


def spoil(app: Flask) -> None:
    file_of(app).write_bytes(b"this is no database at all" * 100)


def empty(app: Flask) -> None:
    file_of(app).write_bytes(b"")


def strip(app: Flask) -> None:
    with sqlite3.connect(file_of(app)) as connection:
        connection.execute("DROP TABLE alembic_version")
    connection.close()


@pytest.mark.parametrize("harm", [spoil, empty, strip])
def test_a_harmed_file_is_a_fault_and_no_exception(
    app: Flask, harm: Callable[[Flask], None]
) -> None:
    with app.app_context():
        db.engine.dispose()
    harm(app)
    (fault,) = found(app)
    assert fault.name == "DATABASE_URL"
    answer = app.test_client().get("/readyz")
    assert (answer.status_code, app.test_client().get("/healthz").status_code) == (503, 200)
    assert answer.get_json()["faults"][0]["name"] == "DATABASE_URL"


def test_a_file_that_cannot_be_opened_is_no_servers_matter(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}")
    fault = database_fault(engine)
    assert fault is not None
    assert "cannot be opened" in fault.cause
    assert "give this user read and write access to the file" in fault.fix


def test_a_database_server_that_is_away_is_told_without_its_password(make_app: MakeApp) -> None:
    app = make_app(DATABASE_URL="postgresql://somebody:made-up-password@127.0.0.1:9/nowhere")
    (fault,) = found(app)
    assert fault.name == "DATABASE_URL"
    assert "isn't responding" in fault.cause
    assert "made-up-password" not in repr(fault)
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 503
    assert "made-up-password" not in answer.text
