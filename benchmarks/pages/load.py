"""Servers under load: gunicorn with gunicorn.conf.py, and a client in a process of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from statistics import median

from benchmarks.clients import run
from benchmarks.machine import cpu_seconds, family
from benchmarks.pages.client import Job
from benchmarks.part import noise, number, ratios
from benchmarks.stage import Stage
from tests.processes import reserved_port
from tests.servers import gunicorn

_WORKERS = 2
#: The responses that all others are compared with.
BARE = "bare route"
BARE_PATH = "/api/v1/tokens/someone"
HEAD = (
    "Connections, response",
    "Responses/s",
    "Of bare route",
    "CPU ms per response",
    "× bare route's CPU",
)


@dataclass(frozen=True)
class Server:
    """One server under test."""

    port: int
    pid: int


@dataclass(frozen=True, eq=False)
class Target:
    """What is requested from a server, over how many connections."""

    connections: int
    name: str
    server: Server
    paths: Sequence[str] = field(repr=False)
    #: One header line for each request, in turn.
    headers: Sequence[str] = field(repr=False, default=("Accept: */*",))

    def __str__(self) -> str:
        """Return how the table calls it."""
        return f"{self.connections}, {self.name}"


@dataclass(frozen=True)
class Measured:
    """One run."""

    rate: float
    cpu_ms: float


@contextmanager
def serving(here: Stage, program: str = "wsgi:app", *, limits: bool = False) -> Iterator[Server]:
    """Serve an app on a port of its own, on the stage's database."""
    with reserved_port() as port:
        callback = here.env["TIKTOK_REDIRECT_URI"].replace(f":{here.port}/", f":{port}/")
        env = here.env | {
            "PORT": str(port),
            "TIKTOK_REDIRECT_URI": callback,
            "RATELIMIT_ENABLED": str(int(limits)),
        }
        with gunicorn(env, here.folder, workers=_WORKERS, program=program) as running:
            yield Server(port, running.process.pid)


def measure(target: Target, seconds: float) -> Measured:
    """Load one server. Raises RuntimeError if any response is not a 200."""
    job = Job(
        port=target.server.port,
        connections=target.connections,
        seconds=seconds,
        paths=list(target.paths),
        headers=list(target.headers),
    )
    pids = family(target.server.pid)
    before = cpu_seconds(pids)
    found = run("benchmarks.pages.client", asdict(job))
    busy = cpu_seconds(pids) - before
    if set(found["statuses"]) != {"200"}:
        raise RuntimeError(f"{target.name} responded with {found['statuses']}")
    # The last request of each connection was answered, or cut off, without being counted.
    answers = found["answers"] + target.connections / 2
    return Measured(found["answers"] / found["seconds"], busy * 1000 / answers)


def rows(found: dict[Target, list[Measured]]) -> list[list[str]]:
    """Return the rows of the table.

    The base of a row is the bare route before it with as many connections. Only the first of these
    gets a row.
    """
    base: dict[int, list[Measured]] = {}
    lines = []
    for target, runs in found.items():
        is_first = target.connections not in base
        if target.name == BARE:
            base[target.connections] = runs
        if target.name != BARE or is_first:
            lines.append(_row(target, runs, base[target.connections]))
    return lines


def _row(target: Target, runs: list[Measured], base: list[Measured]) -> list[str]:
    rates, cpu = [each.rate for each in runs], [each.cpu_ms for each in runs]
    share = ratios(rates, [each.rate for each in base])
    times = ratios(cpu, [each.cpu_ms for each in base])
    return [str(target), number(median(rates)), f"{share:.0%}", number(median(cpu)), number(times)]


def spread(found: dict[Target, list[Measured]]) -> str:
    """Return how much the bare route varied."""
    target, runs = next((each, runs) for each, runs in found.items() if each.name == BARE)
    return noise(str(target), [each.rate for each in runs])
