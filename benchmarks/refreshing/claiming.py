"""Measures how long it takes to claim 64 of N due rows. The time must not grow with N."""

from collections.abc import Iterator
from datetime import timedelta
from statistics import median, quantiles
from time import perf_counter

from sqlalchemy import text, update

from benchmarks import people
from benchmarks.output import progress
from benchmarks.part import Options, Part, Size, Table
from benchmarks.stage import Stage, stage
from webapp.database import writing
from webapp.models import User
from webapp.services.refresh.claims import claim_due

_HEAD = ("Database, due rows", "Median ms", "p95 ms", "µs per claimed row")
_MOST = 64
_SIZES = {
    Size.TINY: (200, 400),
    Size.QUICK: (1_000, 20_000),
    Size.FULL: (10_000, 100_000, 1_000_000),
}
#: Timed claims at each number of rows; together they claim fewer than the fewest rows.
_CLAIMS = {Size.TINY: 3, Size.QUICK: 15, Size.FULL: 100}


def _run(asked: Options) -> Iterator[Table]:
    rows: list[list[str]] = []
    for name, postgres in asked.databases:
        with stage(postgres) as here:
            there = 0
            for count in _SIZES[asked.size]:
                progress(f"{name}: adding rows up to {count:,}")
                people.add(here.runtime, range(there, count), due=True)
                there = count
                _settle(here)
                times = [_claim(here) for _ in range(_CLAIMS[asked.size])]
                progress(f"{name}, {count:,} rows: {median(times):.2f} ms")
                rows.append(
                    [
                        f"{name}, {count:,}",
                        f"{median(times):.2f}",
                        f"{quantiles(times, n=20)[-1]:.2f}",
                        f"{median(times) * 1000 / _MOST:.0f}",
                    ]
                )
    yield Table("Claiming due connections", _HEAD, rows)


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


def _claim(here: Stage) -> float:
    """Return the duration of one claim in milliseconds."""
    start = perf_counter()
    claims = claim_due(here.runtime, _MOST, here.runtime.clock())
    passed = perf_counter() - start
    if len(claims) != _MOST:
        raise RuntimeError(f"{len(claims)} rows were claimed instead of {_MOST}")
    return passed * 1000


PART = Part("claims", "how long the worker takes to claim due connections", _run)
