"""`flask tokens check`: one line a doubt, and an exit code for cron."""

import json
from datetime import timedelta

import pytest
from flask import Flask

from tests.commands.people import join
from tests.commands.terminal import command, flask
from tests.fixtures.app import MakeApp
from tests.movable import MovableClock
from tests.servers import Sandbox
from webapp.services.installation import binding

each_database = pytest.mark.usefixtures("each_database")


@each_database
def test_all_is_well_is_one_line_and_0(app: Flask, sandbox: Sandbox) -> None:
    with app.app_context():
        join(app.extensions["coatcheck"], sandbox, "mara")
    run = command(app, "tokens", "check")
    assert (run.exit_code, run.stdout) == (0, "ok   connections are being kept fresh\n")
    as_json = command(app, "tokens", "check", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (0, [])


@each_database
def test_a_late_worker_is_1_with_the_fix(app: Flask, sandbox: Sandbox, clock: MovableClock) -> None:
    with app.app_context():
        due = clock() - timedelta(minutes=9)
        join(app.extensions["coatcheck"], sandbox, "mara", next_at=due)
    run = command(app, "tokens", "check")
    assert run.exit_code == 1
    (line,) = run.stdout.splitlines()
    assert line.startswith("warn worker – the longest overdue refresh has waited for 9 minutes – ")
    assert line.endswith("flask tokens run")
    (told,) = json.loads(command(app, "tokens", "check", "--json").stdout)
    assert (told["verdict"], told["name"], told["group"]) == ("warn", "worker", "running")
    assert list(told) == ["verdict", "name", "cause", "fix", "group", "known"]


def test_a_foreign_database_is_a_failure_in_the_doctors_words(
    make_app: MakeApp, env: dict[str, str], sandbox: Sandbox
) -> None:
    ours = make_app()
    with ours.app_context():
        assert binding.mismatch(ours.extensions["coatcheck"]) is None
    foreign = make_app(INSTANCE_ID="another-instance")
    run = command(foreign, "tokens", "check")
    assert run.exit_code == 1
    (line,) = run.stdout.splitlines()
    assert line.startswith("FAIL installation – ")
    assert line in command(foreign, "doctor", env=env).stdout.splitlines()


def test_it_asks_tiktok_nothing(app: Flask, sandbox: Sandbox) -> None:
    before = sandbox.calls("token.client_credentials")
    command(app, "tokens", "check")
    assert sandbox.calls("token.client_credentials") == before


@pytest.mark.long
def test_no_database_is_one_line_and_1(env: dict[str, str]) -> None:
    run = flask(env, "tokens", "check")
    assert run.returncode == 1
    assert run.stdout == "FAIL database – there is no database yet – flask db upgrade\n"
    assert "Traceback" not in run.stderr
