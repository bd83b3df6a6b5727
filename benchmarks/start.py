"""Measures how long the app takes to start, beside the interpreter and Flask alone."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from benchmarks.machine import children_cpu, cpu_seconds, family
from benchmarks.part import Options, Part, Size, Table, interleaved, noise
from benchmarks.stage import stage
from tests.processes import ROOT
from tests.servers import gunicorn

_HEAD = ("Start", "Wall ms", "CPU ms")
_ROUNDS = {Size.TINY: 1, Size.QUICK: 2, Size.FULL: 11}


@dataclass(frozen=True)
class Start:
    """Something that is started; no words: gunicorn, until it answers its first request."""

    name: str
    words: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        """Return how the table calls it."""
        return self.name


@dataclass(frozen=True)
class Measured:
    """One start, in milliseconds."""

    wall: float
    cpu: float


_STARTS = (
    Start("python -c pass", ("-c", "pass")),
    Start("import flask", ("-c", "import flask")),
    Start("import wsgi", ("-c", "import wsgi")),
    Start("flask --help", ("-m", "flask", "--app", "wsgi", "--help")),
    Start("gunicorn, first answer"),
)


def _run(asked: Options) -> Iterator[Table]:
    with stage() as here:

        def measure(start: Start) -> Measured:
            if start.words:
                return _command(start.words, here.env)
            began = time.perf_counter()
            with gunicorn(here.env, here.folder, workers=2) as running:
                wall = time.perf_counter() - began
                return Measured(wall * 1000, cpu_seconds(family(running.process.pid)) * 1000)

        base, *others = _STARTS
        chosen = [start for start in others if asked.only in start.name]
        found = interleaved([base, *chosen], _ROUNDS[asked.size], measure)
    rows = [
        [
            start.name,
            f"{median(each.wall for each in runs):.0f}",
            f"{median(each.cpu for each in runs):.0f}",
        ]
        for start, runs in found.items()
    ]
    yield Table("Start", _HEAD, rows, [noise(base.name, [each.wall for each in found[base]])])


def _command(words: tuple[str, ...], env: dict[str, str]) -> Measured:
    """Run Python to its end. Raises CalledProcessError if it fails."""
    used, began = children_cpu(), time.perf_counter()
    subprocess.run(  # noqa: S603  one of the commands above
        [sys.executable, *words], cwd=ROOT, env=env, capture_output=True, check=True
    )
    wall = time.perf_counter() - began
    return Measured(wall * 1000, (children_cpu() - used) * 1000)


PART = Part("start", "how long it takes until commands and pages answer", _run)
