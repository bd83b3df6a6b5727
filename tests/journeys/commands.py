"""Runs `flask …` as an operator does; never in this process."""

import subprocess
import sys
from collections.abc import Mapping

from tests.processes import ROOT, plain_environment


def flask(env: Mapping[str, str], *words: str) -> str:
    """Run `flask words…` with these settings; return all it said, whatever its exit code."""
    run = subprocess.run(
        [sys.executable, "-m", "flask", *words],
        cwd=ROOT,
        env=plain_environment() | dict(env),
        capture_output=True,
        text=True,
        timeout=60,
    )
    return run.stdout + run.stderr
