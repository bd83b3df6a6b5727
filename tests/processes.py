"""Real processes for tests: started, waited for, stopped. Never waits without a limit."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
T = TypeVar("T")
TAIL = 40


class ServerFailed(AssertionError):
    """A process did not start, answer or end as it should; the message holds the end of its log."""


class Process:
    """One running program whose output goes to a file.

    `log` holds stdout and stderr together; `output()` reads it at any moment.
    """

    def __init__(
        self,
        args: Sequence[str],
        log: Path,
        *,
        env: Mapping[str, str],
        cwd: Path = ROOT,
        user: str | None = None,
    ) -> None:
        """Start `args`; `user` is the account to run as when the tests run as root."""
        self.args = list(args)
        self.log = log
        with log.open("ab") as sink:
            self.popen = subprocess.Popen(
                self.args,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=dict(env),
                cwd=cwd,
                user=user,
                group=user,
                extra_groups=None if user is None else [],
                # A group of its own, so that workers can be ended together with their master.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id, for tests that send signals themselves."""
        return self.popen.pid

    def output(self) -> str:
        """Return everything written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def fail(self, what: str) -> ServerFailed:
        """Return the failure `what`, with the command and the end of the log."""
        tail = "\n".join(self.output().splitlines()[-TAIL:])
        return ServerFailed(f"{what}: {' '.join(self.args)}\n--- end of its output ---\n{tail}")

    def wait_for(self, ready: Callable[[], T | None], seconds: float = 30) -> T:
        """Return the first value of `ready` that is not None.

        Raises ServerFailed if the process ends first or `seconds` pass.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if (value := ready()) is not None:
                return value
            if self.popen.poll() is not None:
                raise self.fail(f"ended with {self.popen.returncode} before it was ready")
            time.sleep(0.02)
        raise self.fail(f"not ready after {seconds} s")

    def wait(self, seconds: float = 30) -> int:
        """Return the exit code of a process that ends by itself.

        Raises ServerFailed if it still runs after `seconds`.
        """
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self.fail(f"still running after {seconds} s") from None

    def stop(self, sign: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        """Send `sign` and return the exit code. Raises ServerFailed if it does not end."""
        if self.popen.poll() is None:
            self.popen.send_signal(sign)
        return self.wait(seconds)

    def kill(self) -> None:
        """End the process and all it started, at once."""
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.popen.wait(10)


@contextmanager
def running(process: Process, *, sign: signal.Signals = signal.SIGTERM) -> Iterator[Process]:
    """Stop `process` at the end of the block, and insist that it then ended with 0.

    A failure inside the block is kept, with the end of the log added to it.
    """
    try:
        yield process
    except BaseException as failure:
        if not isinstance(failure, ServerFailed):
            failure.add_note(str(process.fail("a process of this test")))
        process.kill()
        raise
    ended_before = process.popen.poll() is not None
    code = process.stop(sign)
    process.kill()
    # A test that stopped the process itself has looked at the code itself.
    if code != 0 and not ended_before:
        raise process.fail(f"ended with {code} after {sign.name}")


@contextmanager
def reserved_port() -> Iterator[int]:
    """Give a free loopback port that nobody else is handed while the block lasts.

    A socket that is bound and never listens holds it; a server with SO_REUSEADDR can still bind.
    """
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def plain_environment() -> dict[str, str]:
    """Return what any program needs (PATH, HOME, locale), and none of the app's settings.

    The switches keep a developer's `.env` out of the tests.
    """
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
    env = {name: os.environ[name] for name in kept if name in os.environ}
    return env | {
        "PYTHON_DOTENV_DISABLED": "1",
        "FLASK_SKIP_DOTENV": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(ROOT),
    }
