"""The commands: what works with nothing configured, what each says, and how it ends."""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import click
import pytest
from flask import Flask
from flask.testing import FlaskCliRunner

from demo.commands import demo
from tests.fixtures.app import MakeApp
from tests.movable import MovableClock
from tests.processes import ROOT, plain_environment
from tests.servers import Sandbox
from webapp import cli
from webapp.services.connect import connect
from webapp.tokens import TokenSet

#: What `flask --help` lists, in its order.
COMMANDS = ["audit", "db", "demo", "doctor", "keys", "notifications", "operators", "tokens"]
#: Begins with a dash, as TikTok's do.
OPEN_ID = "-000madeup1"


def flask(*words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `flask words…` in the project's folder, in its own process."""
    return subprocess.run(
        [sys.executable, "-m", "flask", *words],
        cwd=ROOT,
        env=plain_environment() | dict(env or {}),
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def person(app: Flask, clock: MovableClock) -> str:
    """The open_id of a person who has connected."""
    now = clock()
    hour = now + timedelta(hours=1)
    tokens = TokenSet(
        "act.made-up", "rft.made-up", OPEN_ID, frozenset({"user.info.basic"}), hour, hour
    )
    with app.app_context():
        connect.connect_person(app.extensions["coatcheck"], tokens, ("user.info.basic",), None, now)
    return OPEN_ID


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    """Runs commands of the app in this process."""
    return app.test_cli_runner()


class TestWithNothingConfigured:
    @pytest.mark.long
    def test_help_describes_coatcheck_and_lists_its_commands_first(self) -> None:
        run = flask("--help")
        assert (run.returncode, run.stderr) == (0, "")
        about, _, rest = run.stdout.partition("\nCommands:\n")
        assert about.startswith("Usage: ")
        assert " ".join(about.split()).endswith(f"COMMAND [ARGS]... {cli.ABOUT}")
        listed, _, options = rest.partition("\nOptions:\n")
        assert [line.split()[0] for line in listed.splitlines() if line] == COMMANDS
        assert all(line.endswith(".") for line in listed.splitlines() if line)
        assert "--env-file" in options
        assert f"demo {demo.help} doctor" in " ".join(listed.split())

    def test_a_key_is_made_and_nothing_else_is_printed(self) -> None:
        first, second = flask("keys", "generate"), flask("keys", "generate")
        assert first.returncode == 0
        assert first.stderr == ""
        assert len(base64.b64decode(first.stdout.strip(), validate=True)) == 32
        assert first.stdout != second.stdout

    @pytest.mark.long
    def test_the_doctor_lists_what_is_missing(self) -> None:
        run = flask("doctor")
        assert run.returncode == 1
        assert "FAIL SECRET_KEY – is not set – " in run.stdout
        assert "ok   SESSION_DAYS" in run.stdout
        assert run.stderr == ""

    @pytest.mark.long
    @pytest.mark.parametrize(
        "words",
        [
            ("operators", "list"),
            # The same code; each takes seconds to start.
            *(
                pytest.param(words, marks=pytest.mark.long, id=" ".join(words))
                for words in (
                    ("operators", "add", OPEN_ID),
                    ("db", "upgrade"),
                    ("db", "downgrade", "-1"),
                    ("run",),
                    ("routes",),
                )
            ),
        ],
    )
    def test_commands_that_need_settings_say_what_is_missing(self, words: tuple[str, ...]) -> None:
        run = flask(*words)
        assert run.returncode == 1
        assert "TIKTOK_CLIENT_KEY – is not set" in run.stderr
        assert "TOKEN_KEYS – is not set" in run.stderr
        assert "Traceback" not in run.stderr
        assert run.stdout == ""


def listed(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that some help lists, with its name."""
    for name, each in group.commands.items():
        command = each.load() if isinstance(each, cli.LazyCommand) else each
        if not command.hidden:
            yield name, command
            if isinstance(command, click.Group):
                yield from listed(command)


class TestHelp:
    def test_every_line_of_help_is_a_whole_sentence_that_fits(self, app: Flask) -> None:
        app.cli.add_command(demo)
        lines = {name: command.get_short_help_str(200) for name, command in listed(app.cli)}
        assert lines.keys() >= {*COMMANDS, "upgrade", "seed", "issue", "check", "retry"}
        assert [line for line in lines.values() if len(line) > 45 or line.count(".") != 1] == []
        assert all(line[0].isupper() and line.endswith(".") for line in lines.values())

    def test_the_list_says_of_each_command_what_its_own_help_says(self, app: Flask) -> None:
        lazy = [each for each in app.cli.commands.values() if isinstance(each, cli.LazyCommand)]
        assert {*COMMANDS} - {"demo"} == {each.name for each in lazy}
        for each in lazy:
            command = each.load()
            assert command.name == each.name
            assert command.get_short_help_str(200) == each.help

    @pytest.mark.long
    def test_what_flask_brings_is_not_listed_but_works(self, env: dict[str, str]) -> None:
        assert "routes" not in flask("--help", env=env).stdout
        run = flask("routes", env=env)
        assert run.returncode == 0
        assert "/healthz" in run.stdout


class TestOperators:
    def test_a_connected_person_can_be_added_and_removed(
        self, runner: FlaskCliRunner, person: str
    ) -> None:
        assert runner.invoke(args=["operators", "add", person]).exit_code == 0
        listed = runner.invoke(args=["operators", "list"])
        assert person in listed.stdout
        assert runner.invoke(args=["operators", "remove", person]).exit_code == 0
        assert person not in runner.invoke(args=["operators", "list"]).stdout

    @pytest.mark.parametrize("place", ["before", "after"])
    def test_an_open_id_is_taken_as_it_is_with_options_around_it(
        self, runner: FlaskCliRunner, person: str, place: str
    ) -> None:
        words = ["--json", person] if place == "before" else [person, "--json"]
        done = runner.invoke(args=["operators", "add", *words])
        assert json.loads(done.stdout) == {"open_id": person, "operator": True}
        (only,) = json.loads(runner.invoke(args=["operators", "list", "--json"]).stdout)
        assert only["open_id"] == person
        assert only["since"].endswith("+00:00")

    @pytest.mark.parametrize("act", ["add", "remove"])
    def test_a_stranger_is_refused_with_the_reason(self, runner: FlaskCliRunner, act: str) -> None:
        done = runner.invoke(args=["operators", act, "-000abc"])
        assert done.exit_code == 1
        assert "-000abc" in done.stderr
        assert done.stdout == ""

    @pytest.mark.parametrize(
        "words", [("add",), ("add", "-000a", "-000b"), ("list", "--nonsense"), ("promote", "x")]
    )
    def test_wrong_words_end_with_2(self, runner: FlaskCliRunner, words: tuple[str, ...]) -> None:
        assert runner.invoke(args=["operators", *words]).exit_code == 2

    def test_no_operators_are_an_empty_list(self, runner: FlaskCliRunner) -> None:
        assert json.loads(runner.invoke(args=["operators", "list", "--json"]).stdout) == []


class TestDoctor:
    def checks(self, app: Flask, env: Mapping[str, str]) -> tuple[int, dict[str, dict[str, str]]]:
        """Return the exit code and the checks by name."""
        done = app.test_cli_runner(env=env).invoke(args=["doctor", "--json"])
        return done.exit_code, {check["name"]: check for check in json.loads(done.stdout)}

    def test_all_is_well(self, app: Flask, env: dict[str, str], migrated: str, person: str) -> None:
        code, checks = self.checks(app, env)
        assert {check["verdict"] for check in checks.values()} == {"ok", "warn"}
        assert [n for n, c in checks.items() if c["verdict"] == "warn"] == ["ALLOW_SANDBOX"]
        assert code == 0

    def test_says_in_lines_what_it_says_in_json(self, app: Flask, env: dict[str, str]) -> None:
        lines = app.test_cli_runner(env=env).invoke(args=["doctor"]).stdout.splitlines()
        assert "ok   TIKTOK_CLIENT_KEY – is set" in lines
        assert "ok   credentials – TikTok doesn't reject the client key and secret" in lines

    def test_wrong_credentials_fail(self, make_app: MakeApp, env: dict[str, str]) -> None:
        wrong = {"TIKTOK_CLIENT_SECRET": "another-made-up-secret"}
        code, checks = self.checks(make_app(**wrong), env | wrong)
        assert checks["credentials"]["verdict"] == "FAIL"
        assert "invalid_client" in checks["credentials"]["cause"]
        assert code == 1

    def test_a_silent_tiktok_is_no_failure(self, make_app: MakeApp, env: dict[str, str]) -> None:
        away = {"TIKTOK_API_URL": "http://127.0.0.1:9/v2/"}
        code, checks = self.checks(make_app(**away), env | away)
        assert checks["credentials"]["verdict"] == "warn"
        assert code == 0

    def test_a_nonsense_answer_is_no_failure(
        self, app: Flask, env: dict[str, str], sandbox: Sandbox
    ) -> None:
        sandbox.faults("token", "html")
        code, checks = self.checks(app, env)
        assert checks["credentials"]["verdict"] in ("ok", "warn")
        assert code == 0

    def test_another_key_than_the_stored_rows_needs_fails(
        self, make_app: MakeApp, env: dict[str, str], person: str
    ) -> None:
        other = {"TOKEN_KEYS": base64.b64encode(os.urandom(32)).decode()}
        code, checks = self.checks(make_app(**other), env | other)
        assert checks["keys"]["verdict"] == "FAIL"
        assert "TOKEN_KEYS" in checks["keys"]["fix"]
        assert code == 1

    def test_an_unmigrated_database_fails(
        self, app: Flask, env: dict[str, str], tmp_path: Path
    ) -> None:
        code, checks = self.checks(app, env | {"DATABASE_URL": f"sqlite:///{tmp_path}/none.db"})
        assert checks["database"]["fix"] == "flask db upgrade"
        assert not (tmp_path / "none.db").exists()
        assert code == 1

    @pytest.mark.rule(6)
    def test_an_unknown_scope_fails_by_name(self, app: Flask, env: dict[str, str]) -> None:
        code, checks = self.checks(app, env | {"TIKTOK_OPTIONAL_SCOPES": "video.lists"})
        assert checks["TIKTOK_OPTIONAL_SCOPES"]["cause"].startswith("video.lists: ")
        assert code == 1

    def test_a_scope_that_only_one_guide_lists_is_a_warning(
        self, app: Flask, env: dict[str, str]
    ) -> None:
        code, checks = self.checks(app, env | {"TIKTOK_SCOPES": "business.basic"})
        assert checks["TIKTOK_SCOPES"]["verdict"] == "warn"
        assert code == 0

    def test_a_database_that_others_can_read_is_a_warning(
        self, app: Flask, env: dict[str, str], migrated: str
    ) -> None:
        Path(migrated.removeprefix("sqlite:///")).chmod(0o644)
        _, checks = self.checks(app, env)
        assert checks["files"]["verdict"] == "warn"

    @pytest.mark.rule(55)
    def test_no_secret_is_printed(self, app: Flask, env: dict[str, str]) -> None:
        done = app.test_cli_runner(env=env).invoke(args=["doctor"])
        for name in ("TIKTOK_CLIENT_SECRET", "SECRET_KEY", "TOKEN_KEYS"):
            assert env[name] not in done.output
