"""The two servers of a journey as real processes: the app under gunicorn, and the sandbox.

Never in this process, never on another host than loopback.
"""

import re
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.processes import ROOT, Process, plain_environment, running
from tests.workers import children, minds_signals

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
    """The mock TikTok and its control API (`/control/…`, see sandbox/README.md)."""

    #: Origin without a slash at the end.
    url: str
    process: Process
    client_key: str
    client_secret: str = field(repr=False)

    def faults(self, endpoint: str, kind: str, **options: Any) -> Any:
        """Add a fault for `token`, `revoke`, `user_info`, `video_list` or `authorize`.

        Example: `faults("token", "http500", times=1)`. Options: `times`, `rate`, `grant_type`,
        `after`, and those of the kind. Without `times` it stays active until `forget_faults()`.
        """
        return self.control("faults", endpoint=endpoint, kind=kind, **options)

    def forget_faults(self) -> None:
        """Remove every fault, and nothing else."""
        with plain_session() as session:
            _agreed(session.delete(f"{self.url}/control/faults", timeout=ANSWER_WITHIN))

    def counters(self) -> Any:
        """Return `calls` (endpoint → outcome → count), `faults`, `trap_hits` and the rest."""
        return self._ask("counters")

    def calls(self, call: str) -> int:
        """Return the number of calls of one kind, with any outcome (names as in `counters`)."""
        outcomes: dict[str, int] = self.counters()["calls"].get(call, {})
        return sum(outcomes.values())

    def books(self) -> Any:
        """Return what the mock has stored: open_id → consent, with tokens as SHA-256."""
        return self._ask("books")["grants"]

    def people(self) -> list[dict[str, Any]]:
        """Return everyone who can sign in, with `name`, `open_id` and the whole profile."""
        found: list[dict[str, Any]] = self._ask("people")["people"]
        return found

    def open_id(self, person: str) -> str:
        """Return the open_id of the person with this short name."""
        return str(next(p["open_id"] for p in self.people() if p["name"] == person))

    def lifetimes(self, **seconds: int) -> Any:
        """Set `expires_in`, `refresh_expires_in` and `code` for what is issued from now on."""
        return self.control("lifetimes", **seconds)

    def latency(self, seconds: float, endpoint: str | None = None, *, after: bool = False) -> Any:
        """Make calls wait `seconds` before the work, or (`after`) between it and the response."""
        return self.control("latency", seconds=seconds, endpoint=endpoint, after=after)

    def release(self) -> Any:
        """End the latency, also for calls that are waiting now."""
        return self.control("release")

    def settings(self, **changes: Any) -> Any:
        """Set `auto_auth`, `error_status`, `old_access_tokens_die` and similar settings."""
        return self.control("settings", **changes)

    def expire(self, person: str, *, access: bool = True, refresh: bool = False) -> Any:
        """Expire a person's tokens at TikTok now."""
        return self.control("expire", person=person, access=access, refresh=refresh)

    def deauthorize(self, person: str) -> Any:
        """End a person's consent, as they can in TikTok."""
        return self.control("deauthorize", person=person)

    def forget(self) -> Any:
        """Return to the state at start-up; faults and settings are reset, too."""
        return self.control("forget")

    def control(self, what: str, **values: Any) -> Any:
        """POST `values` as JSON to `/control/<what>` and return the JSON of the response."""
        with plain_session() as session:
            url = f"{self.url}/control/{what}"
            return _agreed(session.post(url, json=values, timeout=ANSWER_WITHIN))

    def _ask(self, what: str) -> Any:
        with plain_session() as session:
            return _agreed(session.get(f"{self.url}/control/{what}", timeout=ANSWER_WITHIN))


def _agreed(answer: requests.Response) -> Any:
    assert answer.ok, f"{answer.url} → {answer.status_code}: {answer.text}"
    return answer.json()


def plain_session() -> requests.Session:
    """Return a session that reads no proxy, .netrc or other setting of this machine."""
    session = requests.Session()
    session.trust_env = False
    return session


@contextmanager
def sandbox(folder: Path) -> Iterator[Sandbox]:
    """Run `python -m sandbox` on a free port until the block ends; its log goes to `folder`."""
    key = f"made-up-key-{secrets.token_hex(4)}"
    secret = f"made-up-secret-{secrets.token_hex(16)}"
    env = plain_environment() | {"SANDBOX_CLIENT_KEY": key, "SANDBOX_CLIENT_SECRET": secret}
    args = [sys.executable, "-m", "sandbox", "--port", "0"]
    with running(Process(args, folder / "sandbox.log", env=env)) as process:

        def address() -> str | None:
            found = READY.search(process.output())
            return found.group(1) if found else None

        yield Sandbox(process.wait_for(address), process, key, secret)


@contextmanager
def gunicorn(
    env: Mapping[str, str],
    folder: Path,
    *,
    workers: int = 1,
    cwd: Path = ROOT,
    ready: str = "/healthz",
    program: str = "wsgi:app",
    within: Sequence[str] = (),
) -> Iterator[Gunicorn]:
    """Serve the app with the settings `env` until the block ends, on the redirect URI's port.

    SIGTERM ends it, and it must then exit with 0. The log goes to `folder`. Raises ServerFailed
    if `ready` does not answer 200 in time. `program`: another app, under the same configuration.
    `within`: words before the command that run it elsewhere, as those of a small disk do.
    """
    parts = urlsplit(env["TIKTOK_REDIRECT_URI"])
    url = f"http://127.0.0.1:{parts.port}"
    args = [*within, sys.executable, "-m", "gunicorn", program]
    args += ["--bind", f"127.0.0.1:{parts.port}"]
    args += ["--workers", str(workers)]
    log = folder / f"gunicorn-{parts.port}.log"
    with running(Process(args, log, env=plain_environment() | dict(env), cwd=cwd)) as process:
        server = Gunicorn(url, process)

        def answers() -> bool | None:
            born = children(process.pid)
            if len(born) < workers or not all(map(minds_signals, born)):
                return None
            try:
                return server.get(ready).status_code == 200 or None
            except requests.ConnectionError:
                return None

        process.wait_for(answers)
        yield server


#: The exit code of a start that is refused (EX_CONFIG).
REFUSED = 78


def refused_start(env: Mapping[str, str], folder: Path, *, cwd: Path = ROOT) -> tuple[int, str]:
    """Start gunicorn with settings it must refuse; return its exit code and all it said."""
    args = [sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", "127.0.0.1:0"]
    process = Process(args, folder / "refused.log", env=plain_environment() | dict(env), cwd=cwd)
    code = process.wait(30)
    return code, process.output()
