"""Real starts: what gunicorn refuses, and what it serves."""

import secrets
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests.environment import complete
from tests.fixtures.served import Serve
from tests.journeys.sites import site
from tests.processes import Process, plain_environment
from tests.servers import REFUSED, Gunicorn, Sandbox, refused_start


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
