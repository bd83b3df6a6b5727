"""Workers and callers as processes of their own, beside the test's app; holds no test."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from threading import Event

from tests.processes import Process, plain_environment
from tests.services.crowd import at_once
from tests.services.holding import runtime_of
from webapp.app import create_app
from webapp.services.refresh.on_demand import Access, fresh_access
from webapp.settings import load

CALLERS = 16


def worker(env: Mapping[str, str], folder: Path, number: int = 0) -> Process:
    """Start `flask tokens run`; its output goes to `folder`."""
    args = [sys.executable, "-m", "flask", "--app", "wsgi", "tokens", "run"]
    return Process(args, folder / f"worker-{number}.log", env=plain_environment() | dict(env))


def callers(env: Mapping[str, str], folder: Path, number: int, open_id: str) -> Process:
    """Start a process of sixteen callers; each round begins when the file `go-N` is there."""
    args = [sys.executable, "-m", "tests.keep.hands", str(folder), open_id]
    return Process(args, folder / f"callers-{number}.log", env=plain_environment() | dict(env))


def go(folder: Path, number: int) -> None:
    """Let every process of callers begin a round."""
    (folder / f"go-{number}").touch()


def said(process: Process) -> list[str]:
    """Return what a process of callers has told, a line a round, without its log lines."""
    return [line for line in process.output().splitlines() if line.startswith("round ")]


def _main() -> None:
    folder, open_id = Path(sys.argv[1]), sys.argv[2]
    app = create_app(load(os.environ))
    runtime = runtime_of(app)
    sys.stdout.write("round - ready\n")
    number = 0
    while not (folder / "over").exists():
        if not (folder / f"go-{number}").exists():
            Event().wait(0.005)
            continue
        given = at_once(app, CALLERS, lambda _caller: fresh_access(runtime, open_id))
        told = sorted({_told(each) for each in given})
        sys.stdout.write(f"round {number} {' '.join(told)}\n")
        sys.stdout.flush()
        number += 1


def _told(given: Access | Exception) -> str:
    if isinstance(given, Exception):
        return type(given).__name__
    return f"v{given.version}" + "".join(f"+{warning}" for warning in given.warnings)


if __name__ == "__main__":
    _main()
