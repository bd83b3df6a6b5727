"""When the worker refuses to run: cause and fix on stderr, exit code 1, no call to TikTok."""

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask

from tests.commands.people import join_due, row
from tests.commands.terminal import command, flask
from tests.fixtures.app import MakeApp
from tests.servers import Sandbox
from webapp.services.installation import binding
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.parametrize(
    "words",
    [
        pytest.param(("run",), id="run"),
        # The same code, and each start takes seconds.
        pytest.param(("run", "--once"), id="run --once", marks=pytest.mark.long),
    ],
)


@pytest.fixture
def open_id(runtime: Runtime, sandbox: Sandbox) -> str:
    """A person whose refresh is due, in a database that is bound."""
    assert binding.mismatch(runtime) is None
    return join_due(runtime, sandbox, "mara")[0]


def refused(app: Flask, words: tuple[str, ...]) -> str:
    run = command(app, "tokens", *words)
    assert run.exit_code == 1
    assert run.stdout == ""
    return run.stderr


@pytest.mark.usefixtures("each_database")
def test_a_database_of_another_installation(
    words: tuple[str, ...], make_app: MakeApp, sandbox: Sandbox, runtime: Runtime, open_id: str
) -> None:
    said = refused(make_app(INSTANCE_ID="another-instance"), words)
    assert "INSTANCE_ID – the database has belonged to another installation" in said
    assert "flask tokens adopt" in said
    assert sandbox.calls("token.refresh_token") == 0
    assert row(runtime, open_id).claim is None


@pytest.mark.usefixtures("each_database")
def test_keys_that_do_not_open_what_is_stored(
    words: tuple[str, ...], make_app: MakeApp, sandbox: Sandbox, open_id: str
) -> None:
    other = base64.b64encode(secrets.token_bytes(32)).decode()
    said = refused(make_app(TOKEN_KEYS=other), words)
    assert "TOKEN_KEYS – the stored tokens cannot be decrypted" in said
    assert other not in said
    assert sandbox.calls("token.refresh_token") == 0


@pytest.mark.usefixtures("each_database")
def test_a_database_that_is_not_at_the_newest_migration(
    words: tuple[str, ...], app: Flask, runtime: Runtime
) -> None:
    flask_migrate.downgrade(revision="0003")
    said = refused(app, words)
    assert "DATABASE_URL – the database is not at the latest migration" in said
    assert "fix: flask db upgrade" in said


@pytest.mark.long
def test_no_database_at_all(words: tuple[str, ...], env: Mapping[str, str], tmp_path: Path) -> None:
    run = flask(env | {"DATABASE_URL": f"sqlite:///{tmp_path}/none.db"}, "tokens", *words)
    assert run.returncode == 1
    assert "there is no database yet" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.long
def test_nothing_configured(words: tuple[str, ...]) -> None:
    run = flask({}, "tokens", *words)
    assert run.returncode == 1
    assert "TIKTOK_CLIENT_KEY – is not set" in run.stderr
    assert "Traceback" not in run.stderr
