"""Measures the memory of the processes: a web server's as it answers pages, a worker's as it calls.

PSS counts a page of memory that several processes share in parts, so the PSS of all adds up to
what the machine needs.
"""

import argparse
import http.client
import random
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import certificates, people
from benchmarks.operators_site import sign_in
from benchmarks.output import progress, table
from benchmarks.stage import Stage, stage
from demo import crowd
from tests.processes import Process, plain_environment
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
_WORKER = ("-m", "benchmarks.flask_with_ca", "--app", "wsgi", "tokens", "run", "--once")
_READY = re.compile(r"^provider ready on (\d+)", re.MULTILINE)
_LONGEST = 600
_KB, _MB = 1024, 1024 * 1024


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


def main() -> None:
    """Measure and print the table."""
    asked = _asked()
    found = [*_web(asked), _worker(asked)]
    table(_HEAD, [(name, f"{m.pss:.0f}", f"{m.rss:.0f}", m.threads) for name, m in found])


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="to all web processes")
    parser.add_argument("--steps", type=int, default=4, help="how often memory is measured")
    parser.add_argument("--clients", type=int, default=64, help="requests at the same time")
    parser.add_argument("--processes", type=int, default=2, help="web server processes")
    parser.add_argument("--people", type=int, default=2000, help="people in the web's database")
    parser.add_argument("--rows", type=int, default=3000, help="due rows for the worker")
    parser.add_argument("--latency", type=float, default=2, help="seconds that a refresh takes")
    return parser.parse_args()


def _web(asked: argparse.Namespace) -> Iterator[tuple[str, Memory]]:
    """Yield the largest of the web processes, at the start and after each step."""
    with stage() as here:
        for _there in crowd.seed(here.runtime, asked.people):
            pass
        counts.recount(here.runtime)
        cookie = sign_in(here)
        env = here.env | {"RATELIMIT_ENABLED": "0", "LOG_LEVEL": "ERROR"}
        with gunicorn(env, here.folder, workers=asked.processes) as server:
            pids = children(server.process.pid)
            yield "web, at the start", _largest(pids)
            step = asked.requests // asked.steps
            for number in range(1, asked.steps + 1):
                _ask_for_pages(here, cookie, step, asked.clients)
                progress(f"{number * step:,} requests answered")
                yield f"web, after {number * step:,} requests", _largest(pids)


def _largest(pids: list[int]) -> Memory:
    return max(map(Memory.of, pids), key=lambda each: each.pss)


def _ask_for_pages(here: Stage, cookie: str, number: int, clients: int) -> None:
    with ThreadPoolExecutor(clients) as pool:
        each = max(1, number // clients)
        asked = [pool.submit(_ask, here.port, cookie, each) for _ in range(clients)]
        for one in asked:
            one.result()


def _ask(port: int, cookie: str, number: int) -> None:
    """Ask for random pages. Raises RuntimeError if the server fails."""
    for start in range(0, number, _ON_ONE):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LONGEST)
        with closing(connection):
            for path in random.choices(_PAGES, k=min(_ON_ONE, number - start)):  # noqa: S311
                connection.request("GET", path, headers={"Cookie": f"session={cookie}"})
                answer = connection.getresponse()
                answer.read()
                if answer.status >= 500 and path != "/readyz":
                    raise RuntimeError(f"{path} responded with {answer.status}")


def _worker(asked: argparse.Namespace) -> tuple[str, Memory]:
    """Return the most that a worker used while it refreshed over TLS."""
    most = Memory(0, 0, 0)
    with stage() as here, _provider(here.folder, asked.latency) as (url, trust):
        env = here.env | trust | {"TIKTOK_API_URL": f"{url}/v2/"}
        people.add(here.runtime, range(asked.rows), due=True)
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
    return "worker, refreshing over TLS", most


def _now(pid: int) -> Memory | None:
    try:
        return Memory.of(pid)
    except (OSError, KeyError):
        # It has just ended.
        return None


@contextmanager
def _provider(folder: Path, latency: float) -> Iterator[tuple[str, dict[str, str]]]:
    """Run a provider. Yield its URL and the environment that makes its certificate trusted."""
    made = certificates.made(folder)
    args = [sys.executable, "-m", "benchmarks.provider", "--latency", str(latency)]
    args += ["--certificate", str(made.certificate), "--key", str(made.key)]
    names = ("BENCHMARK_CERTIFICATE", "REQUESTS_CA_BUNDLE")
    process = Process(args, folder / "provider.log", env=plain_environment())
    try:
        ready = process.wait_for(lambda: _READY.search(process.output()))
        yield (
            f"https://{certificates.HOST}:{ready[1]}",
            dict.fromkeys(names, str(made.certificate)),
        )
    finally:
        process.kill()


if __name__ == "__main__":
    main()
