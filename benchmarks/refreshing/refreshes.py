"""Measures refreshes per second of one worker process, compared with naive loops, at 300 ms a call.

The worker is an ordinary `flask tokens run --once`. Rates and spent tokens are counted by the
provider. CPU is that of the process, minus that of a run that finds nothing due.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import people
from benchmarks.machine import children_cpu
from benchmarks.part import Options, Part, Size, Table, interleaved, noise, number
from benchmarks.provider.running import provider
from benchmarks.refreshing.naive import THREADS
from benchmarks.stage import stage
from tests.databases import Postgres
from tests.processes import Process

_WORKER = ["tokens", "run", "--once"]
_NAIVE = [sys.executable, "-m", "benchmarks.refreshing.naive"]
_LATENCY = 0.3
_BASE = "sequential, new session each"
_LONGEST = 600
_HEAD = ("Loop", "Refreshes/s", "× sequential", "CPU ms per refresh", "Spent tokens sent", "Lost")


@dataclass(frozen=True)
class Loop:
    """One way to process due rows, over one protocol and database."""

    protocol: str
    database: str
    name: str
    args: tuple[str, ...]
    #: How many rows are due.
    rows: int

    def __str__(self) -> str:
        """Return how the table calls it."""
        return f"{self.protocol}, {self.database}, {self.name}"


@dataclass(frozen=True)
class Measured:
    """One run of one loop."""

    rate: float
    cpu_ms: float
    spent: int
    #: Grants that the provider rotated and the database does not have.
    lost: int


@dataclass(frozen=True)
class _Sizes:
    rounds: int
    #: Due rows for the sequential loop, the threads and the worker.
    rows: tuple[int, int, int]
    protocols: tuple[str, ...] = ("https",)


_SIZES = {
    Size.TINY: _Sizes(1, (2, 8, 20)),
    Size.QUICK: _Sizes(1, (6, 128, 1000)),
    Size.FULL: _Sizes(3, (20, 640, 6000), ("http", "https")),
}


def _run(asked: Options) -> Iterator[Table]:
    sizes, servers = _SIZES[asked.size], dict(asked.databases)

    def measure(loop: Loop) -> Measured:
        return _measure(loop, servers[loop.database])

    found = interleaved(list(_loops(sizes, servers, asked.only)), sizes.rounds, measure)
    base = next(iter(found))
    spread = noise(str(base), [each.rate for each in found[base]])
    yield Table("Refreshes per second", _HEAD, list(_rows(found)), [spread])


def _loops(sizes: _Sizes, databases: dict[str, Postgres | None], only: str) -> Iterator[Loop]:
    for protocol in sizes.protocols:
        flask = "flask" if protocol == "http" else "benchmarks.trusting"
        worker = [sys.executable, "-m", flask, "--app", "wsgi", *_WORKER]
        threads = [*_NAIVE, "--threads", str(THREADS)]
        loops = ((_BASE, _NAIVE), (f"{THREADS} threads, session held", threads), ("worker", worker))
        for database in databases:
            for (name, args), rows in zip(loops, sizes.rows, strict=True):
                loop = Loop(protocol, database, name, tuple(args), rows)
                if only in str(loop):
                    yield loop


def _measure(loop: Loop, postgres: Postgres | None) -> Measured:
    with (
        TemporaryDirectory(prefix="coatcheck-benchmark-") as name,
        provider(Path(name), tls=loop.protocol == "https", latency=_LATENCY) as peer,
        stage(postgres, tiktok_url=peer.url) as here,
    ):
        env = here.env | peer.trust
        log = here.folder / "program.log"
        idle = _cpu_seconds(Process(loop.args, log, env=env))
        people.add(here.runtime, range(loop.rows), due=True)
        busy = _cpu_seconds(Process(loop.args, log, env=env))
        counts = peer.statistics()
        refreshed: int = counts["refreshed"]
        return Measured(
            rate=refreshed / (counts["last_answered"] - counts["first_asked"]),
            cpu_ms=(busy - idle) * 1000 / refreshed,
            spent=counts["spent"],
            lost=refreshed - people.refreshes(),
        )


def _cpu_seconds(process: Process) -> float:
    """Wait for a process and return its CPU seconds. Raises ServerFailed if it fails."""
    before = children_cpu()
    if process.wait(_LONGEST) != 0:
        raise process.fail("it failed")
    return children_cpu() - before


def _rows(found: dict[Loop, list[Measured]]) -> Iterator[list[str]]:
    rates = {loop: median(each.rate for each in runs) for loop, runs in found.items()}
    bases = {(loop.protocol, loop.database): rates[loop] for loop in found if loop.name == _BASE}
    for loop, runs in found.items():
        base = bases.get((loop.protocol, loop.database))
        yield [
            str(loop),
            number(rates[loop]),
            number(rates[loop] / base) if base else "not measured",
            f"{median(each.cpu_ms for each in runs):.2f}",
            str(sum(each.spent for each in runs)),
            str(sum(each.lost for each in runs)),
        ]


PART = Part("refreshes", "refreshes per second of one worker, beside naive loops", _run)
