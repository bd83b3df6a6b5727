"""Real starts of `python wsgi.py`: what it prints, serves and refuses."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests

from demo import people
from tests.processes import ROOT, Process, plain_environment, reserved_port, running
from tests.servers import REFUSED, plain_session


def trial(folder: Path, env: Mapping[str, str], *words: str) -> Process:
    """Start `python wsgi.py words…`."""
    args = [sys.executable, "wsgi.py", *words]
    return Process(args, folder / "trial.log", env=plain_environment() | dict(env))


#: As one types it in the project's folder.
FLASK = f"{sys.executable} -m flask"


def printed_line(said: str) -> str:
    """Return the line that lets `flask` commands use the demo, as one copies it."""
    found = re.search(r"^For flask commands on this demo, [^:]*: (.+)$", said, re.MULTILINE)
    assert found
    return found.group(1)


def run_in_shell(line: str, port: int) -> "subprocess.CompletedProcess[str]":
    """Run a line in the shell of a second terminal, in the project's folder.

    `port`: other tests may be running demos of their own.
    """
    kept_out = ("PYTHON_DOTENV_DISABLED", "FLASK_SKIP_DOTENV")
    env = {name: value for name, value in plain_environment().items() if name not in kept_out}
    return subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=ROOT,
        env=env | {"PORT": str(port)},
        capture_output=True,
        text=True,
        timeout=60,
    )


def address(process: Process) -> str | None:
    """Return the address that was printed, once it was."""
    found = re.search(r"is at (http://127\.0\.0\.1:[0-9]+)", process.output())
    return found.group(1) if found else None


class TestTrial:
    @pytest.fixture
    def port(self) -> Iterator[int]:
        with reserved_port() as port:
            yield port
            shutil.rmtree(ROOT / "instance" / "demo" / str(port), ignore_errors=True)

    def test_with_nothing_configured_it_serves_a_demo(self, tmp_path: Path, port: int) -> None:
        env = {"PORT": str(port), "SECRET_KEY": "half-filled"}
        with running(trial(tmp_path, env, "--people", "30")) as process:
            url = process.wait_for(lambda: address(process), 60)
            said = process.output()
            with plain_session() as session:
                ready = session.get(f"{url}/readyz", timeout=10)
                choice = session.get(f"{url}/connect", timeout=10).text
            assert (ready.status_code, ready.json()["status"]) == (200, "ok")
            assert 'value="video.list"' in choice
            sandbox = re.search(r"^Using a mock TikTok \(sandbox\) at (\S+)$", said, re.MULTILINE)
            assert sandbox
            assert 'Click "Continue with TikTok", then sign in as one of:' in said
            assert "an operator" in said
            assert "Noor Haddad (not connected yet)" in said
            assert said.startswith("Added people: 30 of 30\n")
            assert ".env.example" in said
            assert said.endswith("Press Ctrl-C to stop.\n")
            assert not re.search("warn|mallory|script|\x1b", said, re.IGNORECASE)
            folder = ROOT / "instance" / "demo" / str(port)
            assert folder.stat().st_mode & 0o777 == 0o700
            assert (folder / "app.db").stat().st_mode & 0o777 == 0o600
            for line in (printed_line(said), f". {folder}/demo.env && {FLASK} tokens list"):
                listed = run_in_shell(line, port)
                assert listed.returncode == 0, listed.stderr
                assert len(listed.stdout.splitlines()) == len(people.PEOPLE) + 30
            secrets_file = folder / "demo.env"
            assert secrets_file.stat().st_mode & 0o777 == 0o600
            text = secrets_file.read_text(encoding="utf-8")
            values = re.findall(r"^export \w+_(?:KEYS?|SECRET)=([^'\n]{9,})$", text, re.MULTILINE)
            assert len(values) == 4, "client key and secret, SECRET_KEY, TOKEN_KEYS"
            assert not [value for value in values if value in said]
        with plain_session() as session, pytest.raises(requests.ConnectionError):
            session.get(sandbox.group(1), timeout=5)
        assert "Traceback" not in process.output()
        assert process.output().endswith("\nStopped.\n")
        assert not secrets_file.exists()

    @pytest.mark.long
    def test_while_it_runs_flask_commands_work_on_it(self, tmp_path: Path, port: int) -> None:
        with running(trial(tmp_path, {"PORT": str(port)})) as process:
            process.wait_for(lambda: address(process), 60)
            line = printed_line(process.output())
            for command in ("doctor", "keys issue reports", "tokens check"):
                run = run_in_shell(line.replace("tokens list", command), port)
                assert run.returncode == 0, run.stdout + run.stderr
            assert "reports" in run_in_shell(line.replace("tokens list", "keys list"), port).stdout

    @pytest.mark.long
    def test_plain_commands_work_on_it_and_only_while_it_runs(
        self, tmp_path: Path, port: int
    ) -> None:
        if (ROOT / ".env").exists():
            pytest.skip("a real .env is in the way")
        process = trial(tmp_path, {"PORT": str(port)})
        try:
            process.wait_for(lambda: address(process), 60)
            plain = run_in_shell(f"{FLASK} tokens list", port)
            assert plain.returncode == 0, plain.stderr
            assert len(plain.stdout.splitlines()) == len(people.PEOPLE)
            assert plain.stderr == f"Using the demo on port {port}.\n"
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(process.pid, signal.SIGKILL)
            process.popen.wait()
            for child in map(int, children):
                # Each leads a group, which outlives us.
                os.killpg(child, signal.SIGKILL)
            left_over = ROOT / "instance" / "demo" / str(port) / "demo.env"
            assert left_over.exists()
            after = run_in_shell(f"{FLASK} tokens list", port)
            assert after.returncode == 1
            assert "Coatcheck cannot start" in after.stderr
        finally:
            process.kill()

    @pytest.mark.long
    def test_a_shell_that_uses_a_demo_can_start_another(self, tmp_path: Path, port: int) -> None:
        env = {"PORT": str(port), "TIKTOK_CLIENT_KEY": "demo-0123abcd", "TOKEN_KEYS": "stale"}
        with running(trial(tmp_path, env)) as process:
            process.wait_for(lambda: address(process), 60)
            assert "Using a mock TikTok" in process.output()

    @pytest.mark.long
    def test_ctrl_c_ends_all_of_it(self, tmp_path: Path, port: int) -> None:
        process = trial(tmp_path, {"PORT": str(port)})
        try:
            url = process.wait_for(lambda: address(process), 60)
            assert process.stop(signal.SIGINT, 40) == 0
            with plain_session() as session, pytest.raises(requests.ConnectionError):
                session.get(url, timeout=5)
            assert "Traceback" not in process.output()
        finally:
            process.kill()

    @pytest.mark.long
    def test_a_dead_child_ends_the_others(self, tmp_path: Path, port: int) -> None:
        process = trial(tmp_path, {"PORT": str(port)})
        try:
            url = process.wait_for(lambda: address(process), 60)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
            # The sandbox is started first.
            os.kill(int(children.split()[0]), signal.SIGKILL)
            assert process.wait(40) == 1
            assert "The sandbox stopped unexpectedly" in process.output()
            with plain_session() as session, pytest.raises(requests.ConnectionError):
                session.get(url, timeout=5)
        finally:
            process.kill()

    @pytest.mark.long
    def test_a_taken_port_is_one_message(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            process = trial(tmp_path, {"PORT": str(port)})
            assert process.wait() == 1
        (line,) = process.output().splitlines()
        assert "cannot be used" in line
        python = Path(sys.executable)
        typed = python.relative_to(ROOT) if python.is_relative_to(ROOT) else python
        assert line.endswith(f"PORT={port % 65535 + 1} {typed} wsgi.py")

    @pytest.mark.long
    @pytest.mark.parametrize(
        "port",
        ["eighty", *(pytest.param(n, marks=pytest.mark.long) for n in ("0", "70000", "-1"))],
    )
    def test_an_invalid_port_is_one_message(self, tmp_path: Path, port: str) -> None:
        process = trial(tmp_path, {"PORT": port})
        assert process.wait() == 1
        assert process.output().startswith("PORT must be a number")

    def test_help_starts_nothing(self, tmp_path: Path) -> None:
        process = trial(tmp_path, {}, "--help")
        assert process.wait() == 0
        assert process.output().startswith("usage: ")
        assert "PORT=8080" in process.output()
        assert "--people N" in process.output()

    @pytest.mark.long
    @pytest.mark.parametrize("word", ["serve", "--port"])
    def test_an_unknown_word_is_a_usage_error(self, tmp_path: Path, word: str) -> None:
        process = trial(tmp_path, {}, word)
        assert process.wait() == 2
        assert process.output().startswith("usage: ")
        assert f"unrecognized arguments: {word}" in process.output()

    @pytest.mark.parametrize(
        "number",
        [
            "0",
            *(pytest.param(n, marks=pytest.mark.long) for n in ("many", "-5", "100001", "", "٣")),
        ],
    )
    def test_an_invalid_number_of_people_is_a_usage_error(
        self, tmp_path: Path, number: str
    ) -> None:
        process = trial(tmp_path, {}, f"--people={number}")
        assert process.wait() == 2
        assert "argument --people: must be a number from 1 to 100,000" in process.output()

    def test_people_are_added_to_no_app_of_ones_own(self, tmp_path: Path) -> None:
        process = trial(tmp_path, {"TIKTOK_CLIENT_KEY": "x"}, "--people", "5")
        assert process.wait() == 2
        assert "can't be used with your own TikTok app" in process.output()

    @pytest.mark.long
    def test_an_app_of_ones_own_is_checked_like_in_production(
        self, tmp_path: Path, port: int
    ) -> None:
        process = trial(tmp_path, {"PORT": str(port), "TIKTOK_CLIENT_KEY": "x"})
        assert process.wait(60) == REFUSED
        assert "TIKTOK_CLIENT_SECRET – is not set" in process.output()
        assert "Traceback" not in process.output()

    @pytest.mark.long
    def test_an_app_of_ones_own_is_served(
        self, tmp_path: Path, env: dict[str, str], migrated: str
    ) -> None:
        with running(trial(tmp_path, env)) as process:
            assert process.wait_for(lambda: address(process), 60)
            assert "the app from your settings" in process.output()
