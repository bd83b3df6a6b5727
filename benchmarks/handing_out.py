"""Tokens handed out a second through gunicorn, beside a bare Flask route under the same settings.

All servers run at once and are asked in turns, so that a busy machine slows all alike. The limit
of 6,000 a minute and key is measured too: switched off, and on with as many keys as it takes.
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
from benchmarks.stage import Stage, stage
from benchmarks.telling import progress, table
from tests.processes import ROOT, plain_environment, reserved_port
from tests.servers import gunicorn
from webapp.services.handout import service_keys

_HEAD = ("Connections, server", "Answers/s", "Of the bare route's")
_WORKERS = 2
_WARM_UP = 1.0


@dataclass(frozen=True)
class Server:
    """One server that is asked, and what it is asked with."""

    name: str
    port: int
    keys: list[str]


def main() -> None:
    """Measure, and write the table."""
    asked = _asked()
    rates: dict[tuple[int, str], list[float]] = {}
    with stage() as here, _servers(here, asked.keys) as servers:
        open_ids = people.add(here.runtime, range(asked.rows), due=False)
        random.shuffle(open_ids)
        # As on any day: who asks has asked within the hour, so nothing is written down.
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
    parser.add_argument("--rounds", type=int, default=7, help="the table holds their medians")
    parser.add_argument("--seconds", type=float, default=3, help="of each round and server")
    parser.add_argument("--rows", type=int, default=10_000, help="people in the database")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--keys", type=int, default=64, help="service keys for the limited one")
    return parser.parse_args()


@contextmanager
def _servers(here: Stage, keys: int) -> Iterator[list[Server]]:
    """Serve the bare route, and the app without and with its limit."""
    now = here.runtime.clock()
    issued = [service_keys.issue(f"made-up {number}", now) for number in range(keys)]
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
    """Return the answers of one second. Raises RuntimeError if one of them was no token."""
    wish: dict[str, Any] = {
        "port": server.port,
        "connections": connections,
        "seconds": seconds,
        "paths": paths,
        "keys": server.keys,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.asking"],
        input=json.dumps(wish) + "\n",
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=plain_environment(),
        timeout=seconds + 30,
        check=True,
    )
    found = json.loads(done.stdout)
    if set(found["statuses"]) != {"200"}:
        raise RuntimeError(f"{server.name} answered {found['statuses']}")
    return float(found["answers"] / found["seconds"])


def _rows(rates: dict[tuple[int, str], list[float]], base: str) -> Iterator[list[str]]:
    for (connections, name), found in rates.items():
        share = [
            100 * ours / bare for ours, bare in zip(found, rates[connections, base], strict=True)
        ]
        yield [f"{connections}, {name}", f"{median(found):.0f}", f"{median(share):.0f} %"]


if __name__ == "__main__":
    main()
