"""Measures how long it takes to claim 64 of N due rows. The time must not grow with N."""

import argparse
from collections.abc import Iterator
from datetime import timedelta
from statistics import median, quantiles
from time import perf_counter

from sqlalchemy import text, update

from benchmarks import people
from benchmarks.output import progress, table
from benchmarks.stage import Stage, server, stage
from tests.databases import Postgres
from webapp.database import writing
from webapp.models import User
from webapp.services.refresh.claims import claim_due

_HEAD = ("Database, due rows", "Median ms", "p95 ms", "µs per claimed row")


def main() -> None:
    """Measure and print the table."""
    asked = _asked()
    rows = list(_measured("SQLite", None, asked))
    if asked.database or asked.postgres:
        with server(asked.database, own=asked.postgres) as postgres:
            rows += _measured("PostgreSQL", postgres, asked)
    table(_HEAD, rows)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claiming", description=__doc__)
    parser.add_argument(
        "--rows",
        type=int,
        nargs="+",
        default=[10_000, 100_000, 1_000_000],
        help="each N, in ascending order",
    )
    parser.add_argument("--claims", type=int, default=100, help="number of timed claims at each N")
    parser.add_argument("--most", type=int, default=64, help="rows per claim")
    parser.add_argument("--database", help="PostgreSQL URL of a user who may create databases")
    parser.add_argument(
        "--postgres", action="store_true", help="start a temporary PostgreSQL server"
    )
    return parser.parse_args()


def _measured(
    name: str, postgres: Postgres | None, asked: argparse.Namespace
) -> Iterator[tuple[str, ...]]:
    with stage(postgres) as here:
        there = 0
        for count in asked.rows:
            progress(f"{name}: adding rows up to {count:,}")
            people.add(here.runtime, range(there, count), due=True)
            there = count
            _settle(here)
            times = [_claim(here, asked.most) for _ in range(asked.claims)]
            progress(f"{name}, {count:,} rows: {median(times):.2f} ms")
            yield (
                f"{name}, {count:,}",
                f"{median(times):.2f}",
                f"{quantiles(times, n=20)[-1]:.2f}",
                f"{median(times) * 1000 / asked.most:.0f}",
            )


def _settle(here: Stage) -> None:
    """Make every row due and unclaimed. On PostgreSQL, run ANALYZE as autovacuum would."""
    now = here.runtime.clock()
    with writing() as session:
        session.execute(
            update(User)
            .where(User.claim.is_not(None))
            .values(claim=None, next_at=now - timedelta(seconds=1))
            .execution_options(synchronize_session=False)
        )
        if session.connection().dialect.name == "postgresql":
            session.execute(text("ANALYZE users"))


def _claim(here: Stage, most: int) -> float:
    """Return the duration of one claim in milliseconds."""
    start = perf_counter()
    claims = claim_due(here.runtime, most, here.runtime.clock())
    passed = perf_counter() - start
    if len(claims) != most:
        raise RuntimeError(f"{len(claims)} rows were claimed instead of {most}")
    return passed * 1000


if __name__ == "__main__":
    main()
