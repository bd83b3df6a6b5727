"""Time to claim 64 of N due rows: it must not grow with N. Calls no provider, lands nothing."""

import argparse
from collections.abc import Iterator
from datetime import timedelta
from statistics import median, quantiles
from time import perf_counter

from sqlalchemy import text, update

from benchmarks import people
from benchmarks.stage import Stage, server, stage
from benchmarks.telling import progress, table
from tests.databases import Postgres
from webapp.database import writing
from webapp.models import User
from webapp.services.refresh.claims import claim_due

_HEAD = ("Database, due rows", "Median ms", "95 % under, ms", "µs a row claimed")


def main() -> None:
    """Measure, and write the table."""
    asked = _asked()
    rows = list(_measured("SQLite", None, asked))
    if asked.database or asked.postgres:
        with server(asked.database, own=asked.postgres) as postgres:
            rows += _measured("PostgreSQL", postgres, asked)
    table(_HEAD, rows)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claiming", description=__doc__)
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000], help="each N, rising"
    )
    parser.add_argument("--claims", type=int, default=100, help="how many are timed at each N")
    parser.add_argument("--most", type=int, default=64, help="rows of one claim")
    parser.add_argument("--database", help="postgresql://… of a user who can create databases")
    parser.add_argument("--postgres", action="store_true", help="start a PostgreSQL for this run")
    return parser.parse_args()


def _measured(
    name: str, postgres: Postgres | None, asked: argparse.Namespace
) -> Iterator[tuple[str, ...]]:
    with stage(postgres) as here:
        there = 0
        for count in asked.rows:
            progress(f"{name}: filling up to {count:,} rows")
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
    """Let every row be due and unclaimed; let PostgreSQL know of them, as autovacuum does."""
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
    """Return how long one claim took, in milliseconds."""
    start = perf_counter()
    claims = claim_due(here.runtime, most, here.runtime.clock())
    passed = perf_counter() - start
    if len(claims) != most:
        raise RuntimeError(f"{len(claims)} rows were claimed, not {most}")
    return passed * 1000


if __name__ == "__main__":
    main()
