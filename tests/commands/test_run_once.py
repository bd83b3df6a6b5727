"""`flask tokens run --once`: refreshes what is due, exits, and says if it left some."""

import json
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Mapping

import pytest
from flask import Flask

from tests.commands.people import is_what_tiktok_holds, join_due, row
from tests.commands.terminal import FLASK, command
from tests.fixtures.app import MakeApp
from tests.processes import ROOT, plain_environment
from tests.servers import Sandbox
from webapp.services.refresh import rescue_file
from webapp.services.refresh.claims import claim_one
from webapp.services.runtime import Runtime

ONCE = ("tokens", "run", "--once")


def crowd(count: int) -> list[str]:
    return [f"person{number}" for number in range(count)]


@pytest.mark.usefixtures("each_database")
def test_it_refreshes_all_that_is_due(
    runtime: Runtime, sandbox: Sandbox, make_app: MakeApp
) -> None:
    due = join_due(runtime, sandbox, *crowd(12))
    app = make_app(REFRESH_RATE="100")
    run = command(app, *ONCE)
    assert run.exit_code == 0, run.stderr
    assert run.stdout == "refreshed 12\n"
    assert "Refreshed: 12 of 12" in run.stderr
    assert all(is_what_tiktok_holds(runtime, sandbox, each) for each in due)
    again = command(app, *ONCE)
    assert (again.exit_code, again.stdout) == (0, "nothing due\n")


def test_it_goes_no_faster_than_the_rate_and_still_ends(
    runtime: Runtime, sandbox: Sandbox, make_app: MakeApp
) -> None:
    join_due(runtime, sandbox, "mara", "tomas", "aiko")
    run = command(make_app(REFRESH_RATE="2"), *ONCE)
    assert (run.exit_code, run.stdout) == (0, "refreshed 3\n")


@pytest.mark.rule(35)
@pytest.mark.usefixtures("each_database")
def test_it_ends_with_1_and_the_reason_while_the_breaker_is_open(
    runtime: Runtime, sandbox: Sandbox, make_app: MakeApp
) -> None:
    due = join_due(runtime, sandbox, *crowd(6))
    sandbox.faults("token", "error200", error="invalid_client")
    run = command(make_app(REFRESH_RATE="1"), *ONCE)
    assert run.exit_code == 1
    assert "still due: TikTok does not accept this app (invalid_client)" in run.stderr
    assert {row(runtime, each).status for each in due} == {"active"}
    again = command(make_app(REFRESH_RATE="1"), *ONCE)
    assert (again.exit_code, again.stdout) == (1, "nothing done\n")


def test_stopped_midway_it_ends_with_1_and_loses_nothing(
    runtime: Runtime, sandbox: Sandbox, app: Flask
) -> None:
    due = join_due(runtime, sandbox, *crowd(30))
    sandbox.latency(0.3, "token")
    threading.Thread(target=interrupt_in_mid_call, args=(sandbox,)).start()
    run = command(app, *ONCE)
    assert run.exit_code == 1
    assert "still due: the run was stopped" in run.stderr
    assert all(is_what_tiktok_holds(runtime, sandbox, each) for each in due)
    assert all(row(runtime, each).claim is None for each in due)


@pytest.mark.usefixtures("each_database")
def test_what_the_rescue_file_holds_is_stored_first(
    runtime: Runtime, sandbox: Sandbox, app: Flask
) -> None:
    (open_id,) = join_due(runtime, sandbox, "mara")
    leave_in_rescue_file(runtime, open_id)
    run = command(app, *ONCE)
    assert (run.exit_code, run.stdout) == (0, "nothing due\n")
    assert is_what_tiktok_holds(runtime, sandbox, open_id)
    assert not rescue_file.has_answers(runtime)
    assert sandbox.counters()["spent_refresh_tokens_seen"] == 0


@pytest.mark.usefixtures("each_database")
def test_rescue_alone_stores_it_and_counts(runtime: Runtime, sandbox: Sandbox, app: Flask) -> None:
    (open_id,) = join_due(runtime, sandbox, "mara")
    leave_in_rescue_file(runtime, open_id)
    run = command(app, "tokens", "rescue")
    assert (run.exit_code, run.stdout) == (0, "1 stored, 0 no longer needed\n")
    assert is_what_tiktok_holds(runtime, sandbox, open_id)
    again = command(app, "tokens", "rescue")
    assert (again.exit_code, again.stdout) == (0, "0 stored, 0 no longer needed\n")
    counts = json.loads(command(app, "tokens", "rescue", "--json").stdout)
    assert counts == {"stored": 0, "outdated": 0, "unreadable": 0, "dropped": []}


def test_a_rescue_file_with_broken_lines_ends_with_1_and_costs_no_good_line(
    runtime: Runtime, sandbox: Sandbox, app: Flask
) -> None:
    (open_id,) = join_due(runtime, sandbox, "mara")
    leave_in_rescue_file(runtime, open_id)
    with runtime.rescue_file.open("a", encoding="utf-8") as file:
        file.write('{"user_id": 1, "version": 1}\n[]\n{"user_id": 1, "vers')
    run = command(app, "tokens", "rescue")
    assert run.exit_code == 1
    assert "3 lines could not be read" in run.stderr
    assert is_what_tiktok_holds(runtime, sandbox, open_id)


@pytest.mark.long
def test_on_a_terminal_it_draws_a_bar(
    runtime: Runtime, sandbox: Sandbox, env: Mapping[str, str]
) -> None:
    join_due(runtime, sandbox, "mara", "tomas")
    ours, theirs = pty.openpty()
    run = subprocess.run(
        [*FLASK, *ONCE],
        cwd=ROOT,
        env=plain_environment() | dict(env) | {"TERM": "xterm", "LOG_LEVEL": "CRITICAL"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
    )
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert run.returncode == 0
    assert "Refreshed" in shown
    assert "2/2" in shown


def interrupt_in_mid_call(sandbox: Sandbox) -> None:
    """Press Ctrl-C once TikTok has been called."""
    while not sandbox.counters()["open_calls"]:
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGINT)


def leave_in_rescue_file(runtime: Runtime, open_id: str) -> None:
    """Refresh at TikTok and put the answer where it goes when the database takes nothing."""
    claim = claim_one(runtime, row(runtime, open_id).ref, runtime.clock())
    assert claim is not None
    assert claim.held is not None
    answer = runtime.provider.refresh(claim.held.refresh_token or "")
    rescue_file.append(
        runtime, claim.user.ref, open_id, claim.user.version, answer, runtime.clock()
    )
