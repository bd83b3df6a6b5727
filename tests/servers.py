"""The two servers of a journey as real processes: the app under gunicorn, and the sandbox.

Never in this process, never on another host than loopback.
"""

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.processes import ROOT, Process, plain_environment, running

READY = re.compile(r"^sandbox ready on (http://127\.0\.0\.1:\d+)$", re.MULTILINE)
ANSWER_WITHIN = 10


@dataclass(frozen=True, slots=True)
class Gunicorn:
    """The app, served as in production."""

    #: Origin without a slash at the end, `http://127.0.0.1:8000`.
    url: str
    process: Process

    def log(self) -> str:
        """Return everything gunicorn and the app have written: lines of JSON and access lines."""
        return self.process.output()

    def get(self, path: str, **options: Any) -> requests.Response:
        """GET `path` as a stranger without cookies; redirects are not followed."""
        options = {"timeout": ANSWER_WITHIN, "allow_redirects": False} | options
        with plain_session() as session:
            return session.get(self.url + path, **options)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The pretend TikTok, and its control room."""

    url: str
    process: Process

    def control(self, what: str, **values: Any) -> Any:
        """POST `values` as JSON to `/control/<what>` and return the answer's JSON."""
        with plain_session() as session:
            answer = session.post(f"{self.url}/control/{what}", json=values, timeout=ANSWER_WITHIN)
        if not answer.ok:
            raise AssertionError(f"/control/{what} {values} → {answer.status_code}: {answer.text}")
        return answer.json() if answer.content else None


def plain_session() -> requests.Session:
    """Return a session that reads no proxy, .netrc or other setting of this machine."""
    session = requests.Session()
    session.trust_env = False
    return session


@contextmanager
def sandbox(folder: Path) -> Iterator[Sandbox]:
    """Run `python -m sandbox` on a free port until the block ends; its log goes to `folder`."""
    args = [sys.executable, "-m", "sandbox", "--port", "0"]
    with running(Process(args, folder / "sandbox.log", env=plain_environment())) as process:

        def address() -> str | None:
            found = READY.search(process.output())
            return found.group(1) if found else None

        yield Sandbox(process.wait_for(address), process)


@contextmanager
def gunicorn(
    env: Mapping[str, str],
    folder: Path,
    *,
    workers: int = 1,
    cwd: Path = ROOT,
    ready: str = "/healthz",
) -> Iterator[Gunicorn]:
    """Serve the app with the settings `env` until the block ends, on the redirect URI's port.

    SIGTERM ends it, and it must then exit with 0. The log goes to `folder`. Raises ServerFailed
    if `ready` does not answer 200 in time.
    """
    parts = urlsplit(env["TIKTOK_REDIRECT_URI"])
    url = f"http://127.0.0.1:{parts.port}"
    args = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", f"127.0.0.1:{parts.port}"]
    args += ["--workers", str(workers)]
    log = folder / f"gunicorn-{parts.port}.log"
    with running(Process(args, log, env=plain_environment() | dict(env), cwd=cwd)) as process:
        server = Gunicorn(url, process)

        def answers() -> bool | None:
            try:
                return server.get(ready).status_code == 200 or None
            except requests.ConnectionError:
                return None

        process.wait_for(answers)
        yield server


def refused_start(env: Mapping[str, str], folder: Path, *, cwd: Path = ROOT) -> tuple[int, str]:
    """Start gunicorn with settings it must refuse; return its exit code and all it said."""
    args = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", "127.0.0.1:0"]
    process = Process(args, folder / "refused.log", env=plain_environment() | dict(env), cwd=cwd)
    code = process.wait(30)
    return code, process.output()
