"""Measures complete sign-ins over TLS to a provider, compared with two plain Flask apps.

A sign-in is GET /connect, POST /connect, the provider's redirect back, the callback (which
exchanges the code and reads the profile, two calls over TLS) and the page that it leads to. All
servers run at the same time, each with 2 workers of 64 threads.
"""

import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.clients import run
from benchmarks.machine import cpu_seconds, family
from benchmarks.part import Options, Part, Size, Table, interleaved, noise, number, ratios
from benchmarks.provider.grants import CLIENT_KEY, CLIENT_SECRET
from benchmarks.provider.running import Provider, provider
from benchmarks.signing_in import write_lock
from benchmarks.signing_in.client import Job, Results
from benchmarks.signing_in.plain_apps import DATABASE
from benchmarks.signing_in.write_lock import Writes
from benchmarks.stage import stage
from tests.databases import Postgres
from tests.environment import complete
from tests.processes import reserved_port
from tests.servers import gunicorn

NAIVE, POOLED = "naive Flask + Authlib", "pooled Flask + Authlib"
_WORKERS = 2
#: gunicorn's own worker and log for the plain apps: they need not pay for ours.
_PLAIN_GUNICORN = "--worker-class gthread --threads 64 --keep-alive 5 --access-logfile -"
_HEAD = (
    "Latency, at once, people, server",
    "Sign-ins/s",
    "× naive",
    "× pooled",
    "Of possible",
    "CPU ms per sign-in",
    "Callback p50 ms",
    "Callback p95 ms",
    "New connections per sign-in",
)
_LOCK_HEAD = ("Latency, at once, people, server", "Writes per sign-in", "Wait ms", "Held ms")


@dataclass(frozen=True)
class Load:
    """What the clients do."""

    #: Duration of each call to the provider in milliseconds; a sign-in makes two.
    latency: int
    clients: int
    #: new, returning or mixed: every other sign-in is by someone who has connected before.
    who: str = "mixed"

    def __str__(self) -> str:
        """Return how the table calls it."""
        return f"{self.latency} ms, {self.clients}, {self.who}"


@dataclass(frozen=True)
class Server:
    """One server under test."""

    name: str
    port: int
    pid: int
    #: It is the app, so it has metrics.
    ours: bool

    def __str__(self) -> str:
        """Return how the table calls it."""
        return self.name


class Cell(NamedTuple):
    """One load on one server: a row of the table."""

    load: Load
    server: Server

    def __str__(self) -> str:
        """Return how the table calls it."""
        return f"{self.load}, {self.server}"


@dataclass(frozen=True)
class Measured:
    """One run of one load against one server."""

    rate: float
    cpu_ms: float
    p50: float
    p95: float
    connections: float
    #: CPU milliseconds of the provider and the client, which share the cores, per sign-in.
    others_ms: float
    #: Write transactions per sign-in; none for a server that doesn't count them.
    writes: float
    #: Milliseconds that a write waited for the lock, and held it.
    wait_ms: float
    hold_ms: float


_LOADS = {
    Size.TINY: [Load(0, 2)],
    Size.QUICK: [Load(0, 16), Load(200, 64)],
    Size.FULL: [
        *(Load(latency, clients) for latency in (0, 200) for clients in (1, 16, 64)),
        *(Load(0, 16, who) for who in ("new", "returning")),
    ],
}
_SECONDS = {Size.TINY: 0.2, Size.QUICK: 1.0, Size.FULL: 4.0}
_IDLE_SECONDS = 0.5
_ROUNDS = {Size.TINY: 1, Size.QUICK: 2, Size.FULL: 5}


class _Runs:
    """Runs loads against servers; no two runs sign the same people in, unless they should."""

    def __init__(self, peer: Provider, seconds: float) -> None:
        self._peer = peer
        self._seconds = seconds
        self._first = count(step=10_000_000)
        #: CPU seconds per second while nobody asks.
        self._idle: dict[str, float] = {}
        #: The people whom the last run signed in at each server, and how many each client did.
        self._known: dict[str, tuple[int, int]] = {}

    def warm_up(self, server: Server, clients: int) -> None:
        """Let the processes import and connect, then measure what they use while idle."""
        self._idle[server.name] = 0.0
        self.measure(Cell(Load(0, clients), server))
        before = cpu_seconds(family(server.pid))
        time.sleep(_IDLE_SECONDS)
        passed = cpu_seconds(family(server.pid)) - before
        self._idle[server.name] = passed / _IDLE_SECONDS

    def measure(self, cell: Cell) -> Measured:
        """Run one load against one server."""
        load, server = cell
        first, known = next(self._first), 0
        if load.who == "returning":
            first, known = self._known[server.name]
        self._peer.set_latency(load.latency / 1000)
        job = Job(
            port=server.port,
            provider_port=urlsplit(self._peer.browsers).port or 0,
            clients=load.clients,
            seconds=self._seconds,
            first=first,
            who=load.who,
            known=known,
        )
        seen, writes = self._peer.statistics(), _writes(server)
        pids, start = family(server.pid), time.perf_counter()
        before = cpu_seconds(pids)
        found = Results(**run("benchmarks.signing_in.client", asdict(job)))
        idle = self._idle[server.name] * (time.perf_counter() - start)
        busy = cpu_seconds(pids) - before - idle
        self._known[server.name] = (first, found.least)
        return _measured(found, busy, seen, self._peer.statistics(), _writes(server).since(writes))


def _writes(server: Server) -> Writes:
    return write_lock.read(server.port) if server.ours else Writes()


def _measured(found: Results, busy: float, before: Any, after: Any, writes: Writes) -> Measured:
    return Measured(
        rate=found.rate,
        cpu_ms=busy * 1000 / found.sign_ins,
        p50=median(found.callbacks),
        p95=quantiles(found.callbacks, n=20, method="inclusive")[-1],
        connections=(after["connections"] - before["connections"]) / found.sign_ins,
        others_ms=(found.cpu + after["cpu"] - before["cpu"]) * 1000 / found.sign_ins,
        writes=writes.number / found.sign_ins,
        wait_ms=writes.waited * 1000 / max(writes.number, 1),
        hold_ms=writes.held * 1000 / max(writes.number, 1),
    )


def _run(asked: Options) -> Iterator[Table]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="coatcheck-")))
        peer = stack.enter_context(provider(folder))
        servers = [
            stack.enter_context(_ours(name, postgres, peer)) for name, postgres in asked.databases
        ]
        for name, program in ((NAIVE, "naive"), (POOLED, "pooled")):
            servers.append(stack.enter_context(_plain(name, program, folder, peer)))
        runs = _Runs(peer, _SECONDS[asked.size])
        for server in servers:
            runs.warm_up(server, 4 if asked.size is Size.TINY else 16)
        cells = [
            Cell(load, server)
            for load in _LOADS[asked.size]
            if any(asked.only in str(Cell(load, server)) for server in servers)
            for server in servers
        ]
        found = interleaved(cells, _ROUNDS[asked.size], runs.measure)
    rows = [_row(cell, found) for cell in cells]
    base = Cell(cells[0].load, servers[-1])
    spread = noise(str(base), [each.rate for each in found[base]])
    others = median(each.others_ms for runs in found.values() for each in runs)
    shared = f"Provider and client, on the same cores, took {number(others)} ms of CPU per sign-in."
    yield Table("Sign-ins per second", _HEAD, rows, [spread, shared])
    if locks := [_lock_row(cell, runs) for cell, runs in found.items() if runs[0].writes]:
        yield Table("Write lock during sign-ins", _LOCK_HEAD, locks)


@contextmanager
def _ours(name: str, postgres: Postgres | None, peer: Provider) -> Iterator[Server]:
    with stage(postgres, tiktok_url=peer.url) as here:
        env = here.env | peer.trust | _authorize(peer) | {"METRICS_TOKEN": write_lock.TOKEN}
        program = "benchmarks.trusting:make()"
        with gunicorn(env, here.folder, workers=_WORKERS, program=program) as running:
            yield Server(f"Coatcheck, {name}", here.port, running.process.pid, ours=True)


@contextmanager
def _plain(name: str, program: str, folder: Path, peer: Provider) -> Iterator[Server]:
    own = folder / program
    own.mkdir()
    with reserved_port() as port:
        env = complete("", port, tiktok_url=peer.url, client_key=CLIENT_KEY)
        env |= {"TIKTOK_CLIENT_SECRET": CLIENT_SECRET, DATABASE: str(own / "people.db")}
        env |= peer.trust | _authorize(peer) | {"GUNICORN_CMD_ARGS": _PLAIN_GUNICORN}
        program = f"benchmarks.signing_in.plain_apps:{program}()"
        # In this folder, gunicorn doesn't find our gunicorn.conf.py.
        with gunicorn(
            env, own, workers=_WORKERS, cwd=own, ready="/connect", program=program
        ) as running:
            yield Server(name, port, running.process.pid, ours=False)


def _authorize(peer: Provider) -> dict[str, str]:
    return {"TIKTOK_AUTHORIZE_URL": f"{peer.browsers}/v2/auth/authorize/"}


def _row(cell: Cell, found: dict[Cell, list[Measured]]) -> list[str]:
    load, runs = cell.load, found[cell]
    rates = [each.rate for each in runs]
    by_name = {other.server.name: found[other] for other in found if other.load == load}
    possible = load.clients * 1000 / (2 * load.latency) if load.latency else None
    return [
        str(cell),
        number(median(rates)),
        *(number(ratios(rates, [each.rate for each in by_name[name]])) for name in (NAIVE, POOLED)),
        f"{median(rates) / possible:.0%}" if possible else "–",
        *(_median(getattr(each, name) for each in runs) for name in ("cpu_ms", "p50", "p95")),
        f"{median(each.connections for each in runs):.2f}",
    ]


def _lock_row(cell: Cell, runs: list[Measured]) -> list[str]:
    figures = ("writes", "wait_ms", "hold_ms")
    return [str(cell), *(_median(getattr(each, figure) for each in runs) for figure in figures)]


def _median(values: Iterable[float]) -> str:
    return number(median(values))


PART = Part("sign-ins", "complete sign-ins per second, beside two plain Flask apps", _run)
