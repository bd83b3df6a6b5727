"""Runs `flask` commands, in a process of their own or in the test's."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from click.testing import Result
from flask import Flask

from tests.processes import ROOT, Process, plain_environment

FLASK = [sys.executable, "-m", "flask", "--app", "wsgi"]


def flask(env: Mapping[str, str], *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run `flask words…` in its own process until it ends."""
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
    """Run `flask words…` of this app in this process. Only `flask doctor` reads `env`."""
    # A command uses the current context, so it must be this app's.
    with app.app_context():
        return app.test_cli_runner(env=env).invoke(args=words, input=given)


def started(env: Mapping[str, str], folder: Path, *words: str) -> Process:
    """Start `flask words…`; its output goes to a file in `folder`."""
    log = folder / f"{'-'.join(words[:2])}.log"
    return Process([*FLASK, *words], log, env=plain_environment() | dict(env))
