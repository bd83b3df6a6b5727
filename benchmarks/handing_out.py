"""Measures tokens handed out per second through gunicorn, compared with a bare Flask route.

All servers run at the same time and are measured in turn, so a busy machine slows them all alike.
The rate limit (6,000 requests a minute per key) is measured off and on; when it is on, enough keys
are used that no request is refused.
"""

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks import people
from benchmarks.output import progress, table
from benchmarks.stage import Stage, stage
from tests.processes import ROOT, plain_environment, reserved_port
from tests.servers import gunicorn
from webapp.services.handout import service_keys

_HEAD = ("Connections, server", "Responses/s", "Share of bare route")
_WORKERS = 2
_WARM_UP = 1.0


@dataclass(frozen=True)
class Server:
    """One server under test, and the service keys to use with it."""

    name: str
    port: int
    keys: list[str]


def main() -> None:
    """Measure and print the table."""
    asked = _asked()
    rates: dict[tuple[int, str], list[float]] = {}
    with stage() as here, _servers(here, asked.keys) as servers:
        open_ids = people.add(here.runtime, range(asked.rows), due=False)
        random.shuffle(open_ids)
        # The usual case: each service used each token within the hour, so no use is recorded.
        people.use(here.runtime, open_ids, servers[0].keys)
        paths = [f"/api/v1/tokens/{open_id}" for open_id in open_ids]
        for server in servers:
            _rate(server, paths, max(asked.connections), min(_WARM_UP, asked.seconds))
        for number in range(asked.rounds):
            for connections in asked.connections:
                for server in servers:
                    rate = _rate(server, paths, connections, asked.seconds)
                    progress(f"round {number + 1}, {connections}, {server.name}: {rate:.0f}/s")
                    rates.setdefault((connections, server.name), []).append(rate)
    table(_HEAD, _rows(rates, servers[0].name))


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handing_out", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=7, help="the table shows medians of the rounds"
    )
    parser.add_argument("--seconds", type=float, default=3, help="duration per round and server")
    parser.add_argument("--rows", type=int, default=10_000, help="people in the database")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8])
    parser.add_argument(
        "--keys", type=int, default=64, help="service keys for the server with the limit"
    )
    return parser.parse_args()


@contextmanager
def _servers(here: Stage, keys: int) -> Iterator[list[Server]]:
    """Serve the bare route, the app without its rate limit, and the app with it."""
    now = here.runtime.clock()
    issued = [service_keys.issue(f"benchmark {number}", now) for number in range(keys)]
    kinds = (
        ("bare route", "benchmarks.bare:app", "0"),
        ("token, no limit", "wsgi:app", "0"),
        ("token, limit on", "wsgi:app", "1"),
    )
    with (
        reserved_port() as first,
        reserved_port() as second,
        reserved_port() as third,
    ):
        ports = (first, second, third)
        envs = [_env(here, port, limit) for port, (_, _, limit) in zip(ports, kinds, strict=True)]
        bare, free, limited = (
            gunicorn(env, here.folder, workers=_WORKERS, program=program)
            for env, (_, program, _) in zip(envs, kinds, strict=True)
        )
        with bare, free, limited:
            yield [
                Server(name, port, issued) for port, (name, _, _) in zip(ports, kinds, strict=True)
            ]


def _env(here: Stage, port: int, limit: str) -> dict[str, str]:
    callback = here.env["TIKTOK_REDIRECT_URI"].replace(f":{here.port}/", f":{port}/")
    return here.env | {
        "PORT": str(port),
        "TIKTOK_REDIRECT_URI": callback,
        "RATELIMIT_ENABLED": limit,
    }


def _rate(server: Server, paths: list[str], connections: int, seconds: float) -> float:
    """Return responses per second. Raises RuntimeError if any of them is not a 200."""
    job: dict[str, Any] = {
        "port": server.port,
        "connections": connections,
        "seconds": seconds,
        "paths": paths,
        "keys": server.keys,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load_client"],
        input=json.dumps(job) + "\n",
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=plain_environment(),
        timeout=seconds + 30,
        check=True,
    )
    found = json.loads(done.stdout)
    if set(found["statuses"]) != {"200"}:
        raise RuntimeError(f"{server.name} responded with {found['statuses']}")
    return float(found["answers"] / found["seconds"])


def _rows(rates: dict[tuple[int, str], list[float]], base: str) -> Iterator[list[str]]:
    for (connections, name), found in rates.items():
        share = [
            100 * ours / bare for ours, bare in zip(found, rates[connections, base], strict=True)
        ]
        yield [f"{connections}, {name}", f"{median(found):.0f}", f"{median(share):.0f}%"]


if __name__ == "__main__":
    main()
