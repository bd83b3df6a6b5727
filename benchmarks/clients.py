"""Runs a load client in a process of its own."""

import json
import subprocess
import sys
from typing import Any

from tests.processes import ROOT, plain_environment

#: How much longer than asked a client may take: it finishes what it has begun.
_EXTRA_SECONDS = 120


def run(module: str, job: dict[str, Any]) -> Any:
    """Give a client its job and return its results. Raises RuntimeError if it fails."""
    done = subprocess.run(  # noqa: S603  one of our own modules
        [sys.executable, "-m", module],
        input=json.dumps(job) + "\n",
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=plain_environment(),
        timeout=job["seconds"] + _EXTRA_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{module} failed: {done.stderr}")
    return json.loads(done.stdout)
