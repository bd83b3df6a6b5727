"""Commands as operators type them: whole processes, beside those that run in the test's own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from click.testing import Result
from flask import Flask

from tests.processes import ROOT, Process, plain_environment

FLASK = [sys.executable, "-m", "flask", "--app", "wsgi"]


def flask(env: Mapping[str, str], *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run `flask words…` to its end."""
    return subprocess.run(
        [*FLASK, *words],
        cwd=ROOT,
        env=plain_environment() | dict(env),
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
    )


def command(
    app: Flask, *words: str, given: str = "", env: Mapping[str, str] | None = None
) -> Result:
    """Run `flask words…` of this app to its end, in this process; `env` is for the doctor."""
    # Its own context on top: a command takes the one that is there.
    with app.app_context():
        return app.test_cli_runner(env=env).invoke(args=words, input=given)


def started(env: Mapping[str, str], folder: Path, *words: str) -> Process:
    """Start `flask words…`; its output goes to a file in `folder`."""
    log = folder / f"{'-'.join(words[:2])}.log"
    return Process([*FLASK, *words], log, env=plain_environment() | dict(env))
