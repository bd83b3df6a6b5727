"""Refreshes a second of one worker process, beside the same loop written naively; 300 ms a call.

The worker is `flask tokens run --once`, as it is. Rates and spent tokens are the provider's own
books; CPU is the process's, less that of one that finds nothing due.
"""

import argparse
import json
import re
import resource
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

from benchmarks import certificates, people
from benchmarks.naive import THREADS
from benchmarks.stage import server, stage
from benchmarks.telling import progress, table
from tests.databases import Postgres
from tests.processes import Process, plain_environment

_WORKER = ["tokens", "run", "--once"]
_NAIVE = [sys.executable, "-m", "benchmarks.naive"]
_WIRES = ("http", "https")
_LOOPS = ("sequential", "pooled", "worker")
_BASE = "sequential, new session each"
_LONGEST = 600
_READY = re.compile(r"^provider ready on (\d+)$", re.MULTILINE)
_HEAD = ("Loop", "Refreshes/s", "× sequential", "CPU ms a refresh", "Spent tokens sent", "Lost")


@dataclass(frozen=True)
class Way:
    """One way to work off what is due, and how many rows it is given."""

    name: str
    args: list[str]
    rows: int


@dataclass(frozen=True)
class Measured:
    """One run of one way."""

    rate: float
    cpu_ms: float
    spent: int
    #: Grants that the provider has rotated and the database does not know.
    lost: int


def main() -> None:
    """Measure, and write the table."""
    asked = _asked()
    found: dict[tuple[str, str], list[Measured]] = {}
    with server(asked.database, own=asked.postgres) as postgres:
        for number in range(asked.runs):
            for wire in asked.wires:
                for way in _ways(asked, wire):
                    one = _measure(way, wire, asked.latency, postgres)
                    progress(f"run {number + 1}, {wire}, {way.name}: {one}")
                    found.setdefault((wire, way.name), []).append(one)
    table(_HEAD, _rows(found))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refreshing", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="the table holds their medians")
    parser.add_argument("--rows", type=int, default=6000, help="due rows for the worker")
    parser.add_argument("--pooled", type=int, default=640, help=f"… for {THREADS} naive threads")
    parser.add_argument("--sequential", type=int, default=20, help="… for the sequential loop")
    parser.add_argument("--wires", nargs="+", choices=_WIRES, default=_WIRES)
    parser.add_argument("--loops", nargs="+", choices=_LOOPS, default=_LOOPS)
    parser.add_argument("--latency", type=float, default=0.3, help="seconds a refresh takes")
    parser.add_argument("--database", help="postgresql://… of a user who can create databases")
    parser.add_argument("--postgres", action="store_true", help="start a PostgreSQL for this run")
    return parser.parse_args()


def _ways(asked: argparse.Namespace, wire: str) -> list[Way]:
    flask = ["flask"] if wire == "http" else ["benchmarks.trusting"]
    pooled = [*_NAIVE, "--threads", str(THREADS)]
    worker = [sys.executable, "-m", *flask, "--app", "wsgi", *_WORKER]
    ways = {
        "sequential": Way(_BASE, _NAIVE, asked.sequential),
        "pooled": Way(f"{THREADS} threads, session held", pooled, asked.pooled),
        "worker": Way("worker", worker, asked.rows),
    }
    return [ways[loop] for loop in asked.loops]


def _measure(way: Way, wire: str, latency: float, postgres: Postgres | None) -> Measured:
    with (
        TemporaryDirectory(prefix="coatcheck-benchmark-") as name,
        _provider(Path(name), wire, latency) as (url, trust),
        stage(postgres, tiktok_url=url) as here,
    ):
        env = here.env | trust
        log = here.folder / "program.log"
        idle = _cpu_seconds(Process(way.args, log, env=env))
        people.add(here.runtime, range(way.rows), due=True)
        busy = _cpu_seconds(Process(way.args, log, env=env))
        books = _books(url, trust)
        refreshed: int = books["refreshed"]
        return Measured(
            rate=refreshed / (books["last_answered"] - books["first_asked"]),
            cpu_ms=(busy - idle) * 1000 / refreshed,
            spent=books["spent"],
            lost=refreshed - people.refreshes(),
        )


def _cpu_seconds(process: Process) -> float:
    """Return what a process has used when it has ended. Raises ServerFailed if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.wait(_LONGEST) != 0:
        raise process.fail("it failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def _provider(folder: Path, wire: str, latency: float) -> Iterator[tuple[str, dict[str, str]]]:
    """Run a provider; give its URL, and the environment in which its certificate is trusted."""
    args = [sys.executable, "-m", "benchmarks.provider", "--latency", str(latency)]
    trust: dict[str, str] = {}
    if wire == "https":
        made = certificates.made(folder)
        args += ["--certificate", str(made.certificate), "--key", str(made.key)]
        trust = dict.fromkeys(
            ("BENCHMARK_CERTIFICATE", "REQUESTS_CA_BUNDLE"), str(made.certificate)
        )
    process = Process(args, folder / "provider.log", env=plain_environment())
    try:
        ready = process.wait_for(lambda: _READY.search(process.output()))
        yield f"{wire}://{certificates.HOST}:{ready[1]}", trust
    finally:
        process.kill()


def _books(url: str, trust: dict[str, str]) -> Any:
    context = ssl.create_default_context(cafile=trust["BENCHMARK_CERTIFICATE"]) if trust else None
    address = f"{url}/books"
    with urlopen(address, context=context, timeout=10) as answer:  # noqa: S310  our own loopback
        return json.load(answer)


def _rows(found: dict[tuple[str, str], list[Measured]]) -> Iterator[list[str]]:
    rates = {way: median(each.rate for each in runs) for way, runs in found.items()}
    for (wire, name), runs in found.items():
        rate, base = rates[wire, name], rates.get((wire, _BASE))
        yield [
            f"{wire}, {name}",
            f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}",
            f"{rate / base:.0f}" if base else "not measured",
            f"{median(each.cpu_ms for each in runs):.2f}",
            str(sum(each.spent for each in runs)),
            str(sum(each.lost for each in runs)),
        ]


if __name__ == "__main__":
    main()
