"""Real starts: what gunicorn refuses, what it serves, and what `python wsgi.py` does."""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import requests
from sqlalchemy import make_url

from demo import people
from tests.environment import complete
from tests.fixtures.served import Serve
from tests.journeys.sites import site
from tests.processes import ROOT, Process, plain_environment, reserved_port, running
from tests.servers import Gunicorn, Sandbox, plain_session, refused_start

REFUSED = 78


class TestRefusedStart:
    def test_every_problem_is_reported_once_and_nothing_is_served(self, tmp_path: Path) -> None:
        env = {"TIKTOK_CLIENT_ID": "x", "SESSION_DAYS": "many", "FLASK_DEBUG": "1"}
        code, said = refused_start(env, tmp_path)
        assert code == REFUSED
        for name in ("TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET", "TIKTOK_REDIRECT_URI"):
            assert said.count(f"  {name} – ") == 1
        for name in ("SECRET_KEY", "TOKEN_KEYS", "SESSION_DAYS", "FLASK_DEBUG"):
            assert said.count(f"  {name} – ") == 1
        assert "rename TIKTOK_CLIENT_ID to TIKTOK_CLIENT_KEY" in said
        assert "Traceback" not in said
        assert "Listening" not in said

    @pytest.mark.rule(55)
    def test_no_value_is_shown(self, tmp_path: Path) -> None:
        values = {name: f"{secrets.token_hex(6)} \N{SNOWMAN}" for name in complete("", 8000)}
        code, said = refused_start(values, tmp_path)
        assert code == REFUSED
        assert not [value for value in values.values() if value.split()[0] in said]

    def test_a_missing_database_is_reported(self, tmp_path: Path) -> None:
        env = complete(f"sqlite:///{tmp_path}/app.db", 8000)
        code, said = refused_start(env, tmp_path)
        assert code == REFUSED
        assert "flask db upgrade" in said
        assert not (tmp_path / "app.db").exists()

    def test_a_database_server_that_is_down_is_reported_without_its_password(
        self, env: dict[str, str], tmp_path: Path
    ) -> None:
        password = secrets.token_hex(8)
        away = {"DATABASE_URL": f"postgresql://somebody:{password}@127.0.0.1:9/app"}
        code, said = refused_start(env | away, tmp_path)
        assert code == REFUSED
        assert "DATABASE_URL – the database isn't responding" in said
        assert password not in said
        assert "Traceback" not in said

    @pytest.mark.rule(6)
    def test_an_unknown_scope_is_reported_with_the_rest(
        self, env: dict[str, str], migrated: str, tmp_path: Path
    ) -> None:
        wrong = env | {"TIKTOK_SCOPES": "user.info.basics", "PORT": "none"}
        code, said = refused_start(wrong, tmp_path)
        assert code == REFUSED
        assert "TIKTOK_SCOPES – user.info.basics: " in said
        assert "PORT – " in said

    def test_a_sandbox_without_permission_is_refused(
        self, env: dict[str, str], migrated: str, tmp_path: Path
    ) -> None:
        code, said = refused_start(env | {"ALLOW_SANDBOX": "0"}, tmp_path)
        assert code == REFUSED
        assert "TIKTOK_AUTHORIZE_URL – " in said
        assert "TIKTOK_API_URL – " in said

    @pytest.mark.long
    def test_another_gunicorn_configuration_does_not_let_it_in(self, tmp_path: Path) -> None:
        (tmp_path / "other.py").write_text("control_socket_disable = True\n", encoding="utf-8")
        args = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", "127.0.0.1:0"]
        args += ["--config", str(tmp_path / "other.py")]
        process = Process(args, tmp_path / "log", env=plain_environment())
        assert process.wait() == 4
        assert process.output().count("TIKTOK_CLIENT_KEY – is not set") == 1
        assert "Traceback" not in process.output()


@pytest.fixture(scope="module")
def serving(
    sandbox_server: Sandbox,
    template_of: Callable[[str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gunicorn]:
    """One server for tests of which each looks at what it alone has asked for."""
    folder = tmp_path_factory.mktemp("serving")
    shutil.copy(str(make_url(template_of("sqlite")).database), folder / "app.db")
    with site(sandbox_server, f"sqlite:///{folder / 'app.db'}", folder) as served:
        yield served.server


class TestServing:
    @pytest.mark.rule(55)
    def test_the_access_log_has_neither_query_nor_referer(self, serving: Gunicorn) -> None:
        code, came_from = secrets.token_hex(8), secrets.token_hex(8)
        serving.get(
            f"/healthz?code={code}&anything={code}", headers={"Referer": f"https://x/{came_from}"}
        )
        serving.get("/privacy")
        serving.process.wait_for(lambda: '"path": "/privacy"' in serving.log() or None)
        assert code not in serving.log()
        assert came_from not in serving.log()

    def test_what_is_longer_than_any_address_gets_a_page_with_headers(
        self, serving: Gunicorn
    ) -> None:
        answer = serving.get(f"/healthz?code={'a' * 9000}")
        assert answer.status_code == 414
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Start again" in answer.text
        assert "aaaa" not in serving.log()

    @pytest.mark.parametrize(
        ("path", "headers", "status", "code"),
        [
            (f"/api/v1/tokens/{'x' * 9000}", {}, 414, "too_long"),
            (f"/api/v1/openapi.json?{'x' * 9000}", {}, 414, "too_long"),
            ("/api/v1/tokens/-x", {"X-Long": "x" * 9000}, 400, "bad_request"),
        ],
    )
    def test_the_api_describes_what_the_server_refuses_before_the_app_as_any_problem(
        self, serving: Gunicorn, path: str, headers: dict[str, str], status: int, code: str
    ) -> None:
        answer = serving.get(path, headers=headers)
        kind = answer.headers["Content-Type"]
        assert (answer.status_code, kind) == (status, "application/problem+json")
        said = answer.json()
        assert (said["status"], said["code"], said["retryable"]) == (status, code, False)
        assert said["type"].endswith(f"/api/docs#{code}")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "xxxx" not in answer.text + serving.log()

    def test_what_is_no_http_gets_a_page_that_repeats_nothing(self, serving: Gunicorn) -> None:
        port = int(serving.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"<script>alert(1)</script> / nonsense\r\n\r\n")
            answer = connection.makefile("rb").read().decode()
        assert answer.startswith("HTTP/1.1 400 ")
        assert "script" not in answer.partition("\r\n\r\n")[2]

    def test_no_control_socket_is_opened(self, serving: Gunicorn) -> None:
        pid = serving.process.pid
        unix = Path("/proc/net/unix").read_text(encoding="utf-8")
        held = {
            link.readlink().name
            for link in Path(f"/proc/{pid}/fd").iterdir()
            if link.is_symlink() and "socket" in str(link.readlink())
        }
        named = [line for line in unix.splitlines()[1:] if len(line.split()) > 7]
        assert not [line for line in named if f"socket:[{line.split()[6]}]" in held]

    @pytest.mark.long
    def test_a_visitor_is_who_the_proxy_says_only_behind_one(self, serve: Serve) -> None:
        serving = serve(PROXY_HOPS="1")
        serving.get(
            "/healthz", headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Host": "evil"}
        )
        serving.process.wait_for(lambda: "192.0.2.7" in serving.log() or None)

    def test_without_a_proxy_the_header_counts_for_nothing(self, serving: Gunicorn) -> None:
        serving.get("/readyz", headers={"X-Forwarded-For": "192.0.2.7"})
        serving.get("/readyz?second")
        serving.process.wait_for(lambda: serving.log().count('"path": "/readyz"') > 1 or None)
        assert "192.0.2.7" not in serving.log()


def trial(folder: Path, env: Mapping[str, str], *words: str) -> Process:
    """Start `python wsgi.py words…`."""
    args = [sys.executable, "wsgi.py", *words]
    return Process(args, folder / "trial.log", env=plain_environment() | dict(env))


def printed_line(said: str) -> str:
    """Return the line that lets `flask` commands use the demo, as one copies it."""
    found = re.search(r"^For flask commands on this demo, [^:]*: (.+)$", said, re.MULTILINE)
    assert found
    return found.group(1)


def run_in_shell(line: str) -> "subprocess.CompletedProcess[str]":
    """Run a line in the shell of a second terminal, in the project's folder."""
    return subprocess.run(
        ["/bin/sh", "-c", line],
        cwd=ROOT,
        env=plain_environment(),
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
        with running(trial(tmp_path, {"PORT": str(port), "SECRET_KEY": "half-filled"})) as process:
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
            assert ".env.example" in said
            assert said.endswith("Press Ctrl-C to stop.\n")
            assert not re.search("warn|mallory|script|\x1b", said, re.IGNORECASE)
            folder = ROOT / "instance" / "demo" / str(port)
            assert folder.stat().st_mode & 0o777 == 0o700
            assert (folder / "app.db").stat().st_mode & 0o777 == 0o600
            listed = run_in_shell(printed_line(said))
            assert listed.returncode == 0, listed.stderr
            assert len(listed.stdout.splitlines()) == len(people.PEOPLE)
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
                run = run_in_shell(line.replace("tokens list", command))
                assert run.returncode == 0, run.stdout + run.stderr
            assert "reports" in run_in_shell(line.replace("tokens list", "keys list")).stdout

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

    @pytest.mark.long
    @pytest.mark.parametrize("word", ["serve", "--port"])
    def test_an_unknown_word_is_a_usage_error(self, tmp_path: Path, word: str) -> None:
        process = trial(tmp_path, {}, word)
        assert process.wait() == 2
        assert process.output().startswith("usage: ")
        assert f"unrecognized arguments: {word}" in process.output()

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
