"""A real worker and a real receiver, which checks each signature with the library of its own."""

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.commands.terminal import flask, started
from tests.notices.told import rows, seconds, tell
from tests.processes import Process, plain_environment, running
from webapp.clock import utc_now
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.long
both = pytest.mark.usefixtures("each_database")

Start = Callable[..., dict[str, str]]


@pytest.fixture
def clock() -> object:
    """The real time: the processes beside this one know no other."""
    return utc_now


@pytest.fixture
def receiver(env: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """A function: `receiver(refusals=2)` → the environment of an app that tells a new receiver."""
    program = str(Path(__file__).with_name("receiver.py"))
    with ExitStack() as stack:

        def start(refusals: int = 0, hold: float = 0) -> dict[str, str]:
            secret = {"NOTIFY_SECRET": env["NOTIFY_SECRET"]}
            words = [sys.executable, program, str(tmp_path), str(refusals), str(hold)]
            process = Process(words, tmp_path / "receiver.log", env=plain_environment() | secret)
            stack.callback(process.kill)
            port = process.wait_for(lambda: _text(tmp_path / "port"))
            return env | {"NOTIFY_URL": f"http://127.0.0.1:{port}/hook"}

        yield start


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def came(folder: Path) -> list[str]:
    """Return the message ids that came to the receiver, in their order."""
    return [line.split()[0] for line in (_text(folder / "came") or "").splitlines()]


def delivered() -> bool | None:
    return all(row.delivered_at for row in rows()) or None


@both
def test_a_receiver_that_fails_at_first_gets_it_in_the_end(
    runtime: Runtime, receiver: Start, tmp_path: Path
) -> None:
    env = receiver(refusals=1)
    message_id = tell(runtime)
    with running(started(env, tmp_path, "tokens", "run")) as worker:
        worker.wait_for(delivered)
        assert worker.stop() == 0
    assert came(tmp_path) == [message_id, message_id]
    (row,) = rows()
    assert (row.tries, row.last_answer) == (2, "204")
    assert seconds(row.delivered_at, row.created_at) >= 5
    for secret in (env["NOTIFY_SECRET"], env["NOTIFY_SECRET"].removeprefix("whsec_")):
        assert secret not in worker.output()
    assert "Traceback" not in worker.output()


@both
def test_a_worker_killed_in_mid_call_leaves_it_to_the_next_under_the_same_id(
    runtime: Runtime, receiver: Start, tmp_path: Path
) -> None:
    env = receiver(hold=3)
    message_id = tell(runtime)
    first = started(env, tmp_path, "tokens", "run")
    try:
        first.wait_for(lambda: came(tmp_path) or None)
        first.popen.send_signal(signal.SIGKILL)
        first.popen.wait(10)
    finally:
        first.kill()
    assert rows()[0].delivered_at is None
    with running(started(env, tmp_path, "tokens", "run")) as second:
        second.wait_for(delivered, seconds=60)
        assert second.stop() == 0
    assert came(tmp_path) == [message_id, message_id]


def test_a_slow_receiver_holds_no_end_of_the_worker_up(
    runtime: Runtime, receiver: Start, tmp_path: Path
) -> None:
    env = receiver(hold=60)
    tell(runtime)
    with running(started(env, tmp_path, "tokens", "run")) as worker:
        worker.wait_for(lambda: came(tmp_path) or None)
        assert worker.stop(seconds=15) == 0


def test_once_tells_all_that_is_due_and_ends(
    runtime: Runtime, receiver: Start, tmp_path: Path
) -> None:
    env: Mapping[str, str] = receiver()
    ids = {tell(runtime, number) for number in range(20)}
    run = flask(env, "tokens", "run", "--once")
    assert (run.returncode, run.stdout) == (0, "nothing due\n")
    assert set(came(tmp_path)) == ids
    assert delivered()


def test_the_command_sends_a_trial_and_says_what_came_of_it(
    runtime: Runtime, receiver: Start, tmp_path: Path
) -> None:
    env = receiver(refusals=1)
    refused, taken = flask(env, "notifications", "test"), flask(env, "notifications", "test")
    assert (refused.returncode, refused.stderr) == (1, "The receiver did not accept it: 503\n")
    assert (taken.returncode, taken.stdout) == (0, "The receiver accepted it: 204\n")
    assert (_text(tmp_path / "came") or "").count(" test.ping ") == 2
    assert rows() == []
