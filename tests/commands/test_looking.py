"""`flask tokens list` and `show`: everything about a connection, never a token."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.commands.people import join, row
from tests.commands.terminal import command
from tests.servers import Sandbox
from webapp.services.operators.connection import HEALTHS
from webapp.services.runtime import Runtime


@pytest.fixture
def people(runtime: Runtime, sandbox: Sandbox) -> dict[str, str]:
    """Name → open_id of one person in each of four states."""
    now, names = runtime.clock(), ("mara", "tomas", "aiko", "jo")
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"next_at": now - timedelta(minutes=1)},
        {"status": "failing", "last_error": "temporarily_unavailable", "failures": 2},
        {"status": "reconnect", "reason": "refused", "next_at": None},
    )
    return {
        name: join(runtime, sandbox, name, display_name=f"{name}\x1b[31m", **change)
        for name, change in zip(names, changes, strict=True)
    }


@pytest.mark.usefixtures("each_database")
def test_every_connection_is_listed_with_its_health(app: Flask, people: dict[str, str]) -> None:
    run = command(app, "tokens", "list")
    assert run.exit_code == 0
    lines = run.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [
        [people["mara"], "fresh"],
        [people["tomas"], "due"],
        [people["aiko"], "failing"],
        [people["jo"], "reconnect"],
    ]
    assert "temporarily_unavailable" in lines[2]
    assert "\x1b" not in run.stdout


@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize("health", HEALTHS)
def test_connections_are_filtered_by_status(
    app: Flask, people: dict[str, str], health: str
) -> None:
    everybody = json.loads(command(app, "tokens", "list", "--json").stdout)
    run = command(app, "tokens", "list", "--json", "--status", health)
    assert run.exit_code == 0
    assert json.loads(run.stdout) == [each for each in everybody if each["health"] == health]


def test_more_than_a_page_is_listed_whole(
    runtime: Runtime, sandbox: Sandbox, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.services.operators.connection._BATCH", 2)
    joined = [join(runtime, sandbox, name) for name in ("mara", "tomas", "aiko", "jo", "soren")]
    listed = json.loads(command(app, "tokens", "list", "--json").stdout)
    assert [each["open_id"] for each in listed] == joined


def test_no_connections_are_an_empty_list(app: Flask, runtime: Runtime) -> None:
    assert json.loads(command(app, "tokens", "list", "--json").stdout) == []
    run = command(app, "tokens", "list")
    assert (run.exit_code, run.stdout, run.stderr) == (0, "", "There are no connections.\n")


@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize("place", ["before", "after"])
def test_one_is_shown_with_everything_that_is_known(
    runtime: Runtime, app: Flask, people: dict[str, str], place: str
) -> None:
    open_id = people["aiko"]
    assert open_id.startswith("-")
    words = ["--json", open_id] if place == "before" else [open_id, "--json"]
    shown = json.loads(command(app, "tokens", "show", *words).stdout)
    assert shown["open_id"] == open_id
    assert (shown["health"], shown["failures"], shown["version"]) == ("failing", 2, 1)
    assert shown["fingerprint"] == runtime.vault.fingerprint(row(runtime, open_id))
    assert shown["access_expires_at"].endswith("+00:00")
    in_words = command(app, "tokens", "show", open_id).stdout
    assert all(name in in_words for name in shown)


@pytest.mark.rule(55)
@pytest.mark.usefixtures("each_database")
def test_no_command_prints_a_token(runtime: Runtime, app: Flask, people: dict[str, str]) -> None:
    held = [runtime.vault.load(row(runtime, open_id)) for open_id in people.values()]
    tokens = [each.access_token for each in held if each]
    tokens += [each.refresh_token or "" for each in held if each]
    sealed = [row(runtime, open_id).access_token or "" for open_id in people.values()]
    said = [command(app, "tokens", "list", *words).output for words in ((), ("--json",))]
    for open_id in people.values():
        for words in ((), ("--json",)):
            said.append(command(app, "tokens", "show", open_id, *words).output)
    said.append(command(app, "tokens", "refresh", people["mara"], "--json").output)
    assert not [secret for secret in (*tokens, *sealed) if any(secret in each for each in said)]


@pytest.mark.parametrize("act", ["show", "refresh", "disconnect"])
def test_a_stranger_is_refused_with_the_reason(app: Flask, runtime: Runtime, act: str) -> None:
    run = command(app, "tokens", act, "-000abc")
    assert (run.exit_code, run.stdout) == (1, "")
    assert "nobody with the open_id -000abc" in run.stderr


@pytest.mark.parametrize(
    "words",
    [("show",), ("show", "-000a", "-000b"), ("list", "--status", "well"), ("run", "--twice")],
    ids=" ".join,
)
def test_wrong_words_end_with_2(app: Flask, runtime: Runtime, words: tuple[str, ...]) -> None:
    assert command(app, "tokens", *words).exit_code == 2
