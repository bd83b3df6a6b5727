"""`flask tokens run` as a process: runs until it is stopped, and loses nothing then."""

import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.commands.people import is_what_tiktok_holds, join, join_due, row
from tests.commands.terminal import started
from tests.processes import running
from tests.servers import Sandbox
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")


def test_it_refreshes_what_is_due_and_leaves_the_rest(
    runtime: Runtime, sandbox: Sandbox, env: Mapping[str, str], tmp_path: Path
) -> None:
    due = join_due(runtime, sandbox, "mara", "tomas")
    fresh = join(runtime, sandbox, "aiko")
    with running(started(env, tmp_path, "tokens", "run")) as worker:
        worker.wait_for(lambda: all(row(runtime, each).version == 2 for each in due) or None)
        assert worker.stop() == 0
    assert row(runtime, fresh).version == 1
    assert all(is_what_tiktok_holds(runtime, sandbox, each) for each in (*due, fresh))
    assert "Traceback" not in worker.output()
    assert '"event": "worker_started"' in worker.output()
    assert '"event": "worker_progress", "refreshed": 2' in worker.output()


@pytest.mark.long
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_calls_under_way_are_finished_and_stored_before_it_ends(
    runtime: Runtime, sandbox: Sandbox, env: Mapping[str, str], tmp_path: Path, sign: signal.Signals
) -> None:
    due = join_due(runtime, sandbox, "mara", "tomas", "aiko")
    sandbox.latency(1.5, "token")
    with running(started(env, tmp_path, "tokens", "run")) as worker:
        worker.wait_for(lambda: sandbox.counters()["open_calls"] >= 3 or None)
        assert worker.stop(sign) == 0
    assert [row(runtime, each).version for each in due] == [2, 2, 2]
    assert all(is_what_tiktok_holds(runtime, sandbox, each) for each in due)
    assert sandbox.counters()["spent_refresh_tokens_seen"] == 0
