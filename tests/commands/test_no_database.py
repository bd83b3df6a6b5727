"""Without a database no command ends in a traceback: each says what to do."""

import logging
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import make_url

from tests.commands.terminal import command

COMMANDS = (
    *("keys issue reports", "keys revoke reports", "keys list", "keys list --json"),
    *("operators add -000a", "operators remove -000a", "operators list --json"),
    *("tokens list", "tokens show -000a", "tokens refresh -000a", "tokens disconnect -000a"),
    *("tokens reseal", "tokens rescue", "tokens adopt", "tokens copy sqlite:///other.db"),
)


def test_every_command_says_what_to_do_first(app: Flask) -> None:
    Path(str(make_url(app.config["SQLALCHEMY_DATABASE_URI"]).database)).unlink()
    for words in COMMANDS:
        run = command(app, *words.split())
        assert (run.exit_code, run.stdout) == (1, ""), words
        assert "DATABASE_URL – there is no database yet\n      fix: flask db upgrade" in run.stderr


def test_looking_at_the_database_writes_no_line_of_log(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert command(app, "tokens", "list").exit_code == 0
    assert caplog.messages == []
