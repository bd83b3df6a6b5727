"""Compares the operators' pages at a million people with the same pages at a thousand.

Each database has its own gunicorn with one worker process. Requests alternate between the two, so
a busy machine slows both alike. A page with fewer rows renders faster, so the table shows the row
counts too.
"""

import argparse
import random
from collections.abc import Sequence
from statistics import median

from benchmarks import operators_export
from benchmarks.operators_site import Site, path, site
from benchmarks.output import progress, table
from benchmarks.stage import server
from tests.databases import Postgres
from webapp.services.operators.list_query import Sort

_HEAD = ("Page", "Rows", "Median ms, small", "Rows", "Median ms, large", "Ratio")
_EXPORT_HEAD = ("Export", "Rows/s", "MB before", "MB peak", "MB after")
#: Page 10,000 begins after this row.
_DEEP = 499_950
_SORTS = tuple(sort.value for sort in Sort if sort is not Sort.FAILING_SINCE)
_FILTERS = (
    *(("status", word) for word in ("healthy", "soon", "failing", "reconnect", "revoked")),
    ("scope", "video.list"),
    ("reason", "refused"),
    ("failing", "1h"),
    ("within", "30d"),
)
#: A page's name, and its path on the small and on the large site.
Page = tuple[str, tuple[str, str]]


def main() -> None:
    """Measure and print the tables."""
    asked = _asked()
    with server(asked.database, own=asked.postgres) as postgres:
        _compare("PostgreSQL" if postgres else "SQLite", postgres, asked)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operators_pages")
    parser.add_argument(
        "--people", type=int, default=1_000_000, help="people in the large database"
    )
    parser.add_argument("--small", type=int, default=1_000, help="people in the small database")
    parser.add_argument(
        "--rounds", type=int, default=15, help="the table shows medians of the rounds"
    )
    parser.add_argument("--database", help="PostgreSQL URL of a user who may create databases")
    parser.add_argument(
        "--postgres", action="store_true", help="start a temporary PostgreSQL server"
    )
    return parser.parse_args()


def _compare(name: str, postgres: Postgres | None, asked: argparse.Namespace) -> None:
    with site(asked.small, postgres) as small, site(asked.people, postgres) as large:
        progress(f"{name}: filling took {large.filled:.0f} s, counting {large.counted:.1f} s")
        sites = (small, large)
        table(_HEAD, _measured(sites, _pages(sites), asked.rounds))
        table(_EXPORT_HEAD, _exports(sites))


def _pages(sites: tuple[Site, Site]) -> list[Page]:
    lines = [("first page", path())]
    lines += [(f"{name}={word}", path((name, word))) for name, word in _FILTERS]
    lines += [(f"sort={way}{by}", path(("sort", way + by))) for by in _SORTS for way in ("", "-")]
    mixed = (("status", "healthy"), ("scope", "video.list"), ("sort", "-last_used"))
    lines += [("healthy, video.list, sort=-last_used", path(*mixed))]
    lines += [("search: a name", path(("q", "Mara Lindqvist")))]
    lines += [("search: one word", path(("q", "mara"))), ("search: no match", path(("q", "xyzzy")))]
    lines += [("audit", "/operators/audit"), ("audit, one event", _event())]
    both: list[Page] = [(name, (address, address)) for name, address in lines]
    people = [site.some_user() for site in sites]
    for what, words in (
        ("search: a ticket", [each.ticket for each in people]),
        ("search: an open_id", [each.open_id for each in people]),
    ):
        both.append((what, (path(("q", words[0])), path(("q", words[1])))))
    for sort in (Sort.EXPIRES, Sort.REFRESHES, Sort.NEXT):
        small, large = (site.deep(sort, _DEEP) for site in sites)
        both.append((f"page 10,000, sort={sort}", (small, large)))
    return both


def _event() -> str:
    return "/operators/audit?what=connection.refreshed"


def _measured(
    sites: tuple[Site, Site], pages: list[Page], rounds: int
) -> list[tuple[str | int, ...]]:
    pages = [page for page in pages if _responds(sites, page)]
    requests = [(name, at, paths[at]) for name, paths in pages for at in (0, 1)]
    times: dict[tuple[str, int], list[float]] = {}
    rows: dict[tuple[str, int], int] = {}
    for number in range(rounds + 1):
        random.shuffle(requests)
        for name, at, address in requests:
            status, body, passed = sites[at].get(address)
            if status != 200:
                raise RuntimeError(f"{address} responded with {status}")
            rows[name, at] = max(0, body.count(b"<tr") - 1)
            # The first round is a warm-up.
            times.setdefault((name, at), []).extend([passed] if number else [])
        progress(f"round {number} of {rounds}")
    return [_row(name, rows, times) for name, _paths in pages]


def _responds(sites: tuple[Site, Site], page: Page) -> bool:
    status = sites[0].get(page[1][0])[0]
    if status != 200:
        progress(f"skipping {page[0]}: responded with {status}")
    return status == 200


def _row(
    name: str, rows: dict[tuple[str, int], int], times: dict[tuple[str, int], list[float]]
) -> tuple[str | int, ...]:
    small, large = median(times[name, 0]), median(times[name, 1])
    ratio = f"{large / small:.2f}"
    return (name, rows[name, 0], f"{small:.1f}", rows[name, 1], f"{large:.1f}", ratio)


def _exports(sites: Sequence[Site]) -> list[tuple[str, ...]]:
    found = []
    for each in sites:
        for kind in ("csv", "json"):
            export = operators_export.measure(each, kind)
            memory = (f"{mb:.0f}" for mb in (export.before, export.peak, export.after))
            rate = f"{export.rows / export.seconds:.0f}"
            found.append((f"{kind}, {each.people:,}", rate, *memory))
    return found


if __name__ == "__main__":
    main()
