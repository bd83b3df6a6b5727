"""Measures refreshes per second of one worker process, compared with naive loops, at 300 ms a call.

The worker is an ordinary `flask tokens run --once`. Rates and spent tokens are counted by the
provider. CPU is that of the process, minus that of a run that finds nothing due.
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
from benchmarks.output import progress, table
from benchmarks.stage import server, stage
from tests.databases import Postgres
from tests.processes import Process, plain_environment

_WORKER = ["tokens", "run", "--once"]
_NAIVE = [sys.executable, "-m", "benchmarks.naive"]
_WIRES = ("http", "https")
_LOOPS = ("sequential", "pooled", "worker")
_BASE = "sequential, new session each"
_LONGEST = 600
_READY = re.compile(r"^provider ready on (\d+)$", re.MULTILINE)
_HEAD = ("Loop", "Refreshes/s", "× sequential", "CPU ms per refresh", "Spent tokens sent", "Lost")


@dataclass(frozen=True)
class Loop:
    """One way to process due rows, and how many rows it gets."""

    name: str
    args: list[str]
    rows: int


@dataclass(frozen=True)
class Measured:
    """One run of one loop."""

    rate: float
    cpu_ms: float
    spent: int
    #: Grants that the provider rotated and the database does not have.
    lost: int


def main() -> None:
    """Measure and print the table."""
    asked = _asked()
    found: dict[tuple[str, str], list[Measured]] = {}
    with server(asked.database, own=asked.postgres) as postgres:
        for number in range(asked.runs):
            for wire in asked.wires:
                for loop in _loops(asked, wire):
                    one = _measure(loop, wire, asked.latency, postgres)
                    progress(f"run {number + 1}, {wire}, {loop.name}: {one}")
                    found.setdefault((wire, loop.name), []).append(one)
    table(_HEAD, _rows(found))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.refreshing", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="the table shows medians of the runs")
    parser.add_argument("--rows", type=int, default=6000, help="due rows for the worker")
    parser.add_argument(
        "--pooled", type=int, default=640, help=f"due rows for {THREADS} naive threads"
    )
    parser.add_argument(
        "--sequential", type=int, default=20, help="due rows for the sequential loop"
    )
    parser.add_argument("--wires", nargs="+", choices=_WIRES, default=_WIRES)
    parser.add_argument("--loops", nargs="+", choices=_LOOPS, default=_LOOPS)
    parser.add_argument(
        "--latency", type=float, default=0.3, help="duration of a refresh in seconds"
    )
    parser.add_argument("--database", help="PostgreSQL URL of a user who may create databases")
    parser.add_argument(
        "--postgres", action="store_true", help="start a temporary PostgreSQL server"
    )
    return parser.parse_args()


def _loops(asked: argparse.Namespace, wire: str) -> list[Loop]:
    flask = ["flask"] if wire == "http" else ["benchmarks.flask_with_ca"]
    pooled = [*_NAIVE, "--threads", str(THREADS)]
    worker = [sys.executable, "-m", *flask, "--app", "wsgi", *_WORKER]
    loops = {
        "sequential": Loop(_BASE, _NAIVE, asked.sequential),
        "pooled": Loop(f"{THREADS} threads, session held", pooled, asked.pooled),
        "worker": Loop("worker", worker, asked.rows),
    }
    return [loops[name] for name in asked.loops]


def _measure(loop: Loop, wire: str, latency: float, postgres: Postgres | None) -> Measured:
    with (
        TemporaryDirectory(prefix="coatcheck-benchmark-") as name,
        _provider(Path(name), wire, latency) as (url, trust),
        stage(postgres, tiktok_url=url) as here,
    ):
        env = here.env | trust
        log = here.folder / "program.log"
        idle = _cpu_seconds(Process(loop.args, log, env=env))
        people.add(here.runtime, range(loop.rows), due=True)
        busy = _cpu_seconds(Process(loop.args, log, env=env))
        counts = _statistics(url, trust)
        refreshed: int = counts["refreshed"]
        return Measured(
            rate=refreshed / (counts["last_answered"] - counts["first_asked"]),
            cpu_ms=(busy - idle) * 1000 / refreshed,
            spent=counts["spent"],
            lost=refreshed - people.refreshes(),
        )


def _cpu_seconds(process: Process) -> float:
    """Wait for a process and return its CPU seconds. Raises ServerFailed if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.wait(_LONGEST) != 0:
        raise process.fail("it failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def _provider(folder: Path, wire: str, latency: float) -> Iterator[tuple[str, dict[str, str]]]:
    """Run a provider. Yield its URL and the environment that makes its certificate trusted."""
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


def _statistics(url: str, trust: dict[str, str]) -> Any:
    context = ssl.create_default_context(cafile=trust["BENCHMARK_CERTIFICATE"]) if trust else None
    address = f"{url}/statistics"
    with urlopen(address, context=context, timeout=10) as answer:  # noqa: S310  a local server
        return json.load(answer)


def _rows(found: dict[tuple[str, str], list[Measured]]) -> Iterator[list[str]]:
    rates = {loop: median(each.rate for each in runs) for loop, runs in found.items()}
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
