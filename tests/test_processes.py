"""The processes of the tests start, are told apart when they fail, and never stay behind."""

import signal
import sys
from pathlib import Path

import pytest

from tests.processes import Process, ServerFailed, plain_environment, reserved_port, running


def program(tmp_path: Path, code: str) -> Process:
    return Process([sys.executable, "-c", code], tmp_path / "log", env=plain_environment())


def test_a_program_that_ends_before_it_is_ready_shows_its_last_words(tmp_path: Path) -> None:
    process = program(tmp_path, "print('the port is taken'); raise SystemExit(3)")
    with pytest.raises(ServerFailed, match="(?s)ended with 3.*the port is taken"):
        process.wait_for(lambda: None)


def test_a_program_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    process = program(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(ServerFailed, match=r"not ready after 0\.1 s"):
        process.wait_for(lambda: None, seconds=0.1)
    process.kill()
    assert process.popen.returncode == -signal.SIGKILL


def test_a_program_must_end_well_when_its_block_ends(tmp_path: Path) -> None:
    code = (
        "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(5));"
        "print('up'); signal.pause()"
    )
    process = program(tmp_path, code)
    with pytest.raises(ServerFailed, match="ended with 5 after SIGTERM"), running(process):
        process.wait_for(lambda: "up" in process.output() or None)


def test_a_failure_inside_the_block_is_the_one_that_is_told(tmp_path: Path) -> None:
    process = program(tmp_path, "print('last words'); import time; time.sleep(60)")

    def fail_inside() -> None:
        with running(process):
            process.wait_for(lambda: "last words" in process.output() or None)
            raise LookupError("the real cause")

    with pytest.raises(LookupError, match="the real cause") as told:
        fail_inside()
    assert "last words" in told.value.__notes__[0]
    assert process.popen.returncode is not None


def test_a_reserved_port_can_be_listened_on_and_is_given_once(tmp_path: Path) -> None:
    with reserved_port() as port, reserved_port() as other:
        assert port != other
        process = Process(
            [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
            tmp_path / "log",
            env=plain_environment(),
        )
        process.wait_for(lambda: "Serving HTTP" in process.output() or None)
        process.kill()


def test_no_setting_of_this_machine_reaches_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOK_CLIENT_SECRET", "of the developer")
    assert "TIKTOK_CLIENT_SECRET" not in plain_environment()
