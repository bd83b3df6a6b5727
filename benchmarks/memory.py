"""Measures the memory of the processes: a web server's as it answers pages, a worker's as it calls.

PSS counts a page of memory that several processes share in parts, so the PSS of all adds up to
what the machine needs.
"""

import http.client
import random
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks import people
from benchmarks.operators.site import fill, sign_in_operator
from benchmarks.output import progress
from benchmarks.part import Options, Part, Size, Table
from benchmarks.provider.running import provider
from benchmarks.stage import Stage, stage
from tests.processes import Process
from tests.servers import gunicorn
from tests.workers import children
from webapp.services.operators import counts

_HEAD = ("Process", "PSS MB", "RSS MB", "Threads")
#: What clients ask for, all as a signed-in operator: pages, files, errors, probes and the API.
_PAGES = (
    *("/", "/connect", "/privacy", "/terms", "/cookies", "/account", "/api/docs"),
    *("/operators/tokens", "/operators/tokens?status=healthy", "/operators/audit"),
    *("/operators/health", "/operators/bulk", "/operators/keys", "/operators/setup"),
    *("/static/style.css", "/nothing-here", "/healthz", "/readyz", "/api/v1/tokens/-000nobody"),
)
#: On one connection, then it is closed and another one opened.
_ON_ONE = 20
_CLIENTS = 64
_WORKER = ("-m", "benchmarks.trusting", "--app", "wsgi", "tokens", "run", "--once")
#: Seconds; long enough that hundreds of calls are in flight.
_LATENCY = 2.0
_LONGEST = 600
_KB, _MB = 1024, 1024 * 1024


@dataclass(frozen=True)
class _Sizes:
    people: int
    #: Requests between two measurements of the web server, and how many measurements.
    requests: int
    steps: int
    #: Due rows for the worker.
    rows: int


_SIZES = {
    Size.TINY: _Sizes(100, 100, 2, 30),
    Size.QUICK: _Sizes(1_000, 1_000, 1, 1_000),
    Size.FULL: _Sizes(2_000, 25_000, 4, 3_000),
}


@dataclass(frozen=True)
class Memory:
    """The memory of one process, in megabytes, and its threads."""

    pss: float
    rss: float
    threads: int

    @classmethod
    def of(cls, pid: int) -> "Memory":
        """Read it from /proc. Raises OSError if the process has ended."""
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        sizes = {name: int(size) for name, size in re.findall(r"^(\w+): +(\d+) kB", text, re.M)}
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
        return cls(sizes["Pss"] * _KB / _MB, sizes["Rss"] * _KB / _MB, threads)


def _run(asked: Options) -> Iterator[Table]:
    sizes = _SIZES[asked.size]
    found = [*_web(sizes), ("worker, refreshing over TLS", _worker(sizes))]
    rows = [[name, f"{m.pss:.0f}", f"{m.rss:.0f}", str(m.threads)] for name, m in found]
    yield Table("Memory", _HEAD, rows)


def _web(sizes: _Sizes) -> Iterator[tuple[str, Memory]]:
    """Yield the largest of the web processes, at the start and after each step."""
    with stage() as here:
        fill(here, sizes.people)
        counts.recount(here.runtime)
        cookie = sign_in_operator(here)
        with gunicorn(here.env | {"LOG_LEVEL": "ERROR"}, here.folder, workers=2) as server:
            pids = children(server.process.pid)
            yield "web, at the start", _largest(pids)
            for step in range(1, sizes.steps + 1):
                _ask_for_pages(here, cookie, sizes.requests)
                progress(f"{step * sizes.requests:,} requests answered")
                yield f"web, after {step * sizes.requests:,} requests", _largest(pids)


def _largest(pids: list[int]) -> Memory:
    return max(map(Memory.of, pids), key=lambda each: each.pss)


def _ask_for_pages(here: Stage, cookie: str, number: int) -> None:
    with ThreadPoolExecutor(_CLIENTS) as pool:
        each = max(1, number // _CLIENTS)
        asked = [pool.submit(_ask, here.port, cookie, each) for _ in range(_CLIENTS)]
        for one in asked:
            one.result()


def _ask(port: int, cookie: str, number: int) -> None:
    """Ask for random pages. Raises RuntimeError if the server fails."""
    for start in range(0, number, _ON_ONE):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LONGEST)
        with closing(connection):
            for path in random.choices(_PAGES, k=min(_ON_ONE, number - start)):  # noqa: S311  no secret
                connection.request("GET", path, headers={"Cookie": f"session={cookie}"})
                answer = connection.getresponse()
                answer.read()
                if answer.status >= 500 and path != "/readyz":
                    raise RuntimeError(f"{path} responded with {answer.status}")


def _worker(sizes: _Sizes) -> Memory:
    """Return the most that a worker used while it refreshed over TLS."""
    most = Memory(0, 0, 0)
    with (
        stage() as here,
        provider(here.folder, latency=_LATENCY) as peer,
    ):
        env = here.env | peer.trust | {"TIKTOK_API_URL": f"{peer.url}/v2/"}
        people.add(here.runtime, range(sizes.rows), due=True)
        process = Process([sys.executable, *_WORKER], here.folder / "worker.log", env=env)
        try:
            while process.popen.poll() is None:
                now = _now(process.popen.pid)
                most = max(most, now or most, key=lambda each: each.pss)
                time.sleep(0.05)
        finally:
            process.kill()
        if process.popen.returncode != 0:
            raise process.fail("the worker failed")
    return most


def _now(pid: int) -> Memory | None:
    try:
        return Memory.of(pid)
    except (OSError, KeyError):
        # It has just ended.
        return None


PART = Part("memory", "memory of the web server as it answers, and of a worker", _run)
