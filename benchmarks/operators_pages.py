"""The operators' pages with a million people beside the same pages with a thousand, in one run.

Both databases are served by a gunicorn with one worker process each, and asked in turns, so that
a busy machine slows both alike. A page of fewer rows is quicker to draw: the rows are told too.
"""

import argparse
import random
from collections.abc import Sequence
from statistics import median

from benchmarks import operators_export
from benchmarks.operators_room import Room, path, room
from benchmarks.stage import server
from benchmarks.telling import progress, table
from tests.databases import Postgres
from webapp.services.operators.list_query import Sort

_HEAD = ("Page", "Rows", "Median ms, small", "Rows", "Median ms, large", "Ratio")
_FACTS = ("Export", "Rows/s", "MB before", "MB at most", "MB after")
#: The row behind which page 10,000 begins.
_DEEP = 499_950
_SORTS = tuple(sort.value for sort in Sort if sort is not Sort.FAILING_SINCE)
_FILTERS = (
    *(("status", word) for word in ("healthy", "soon", "failing", "reconnect", "revoked")),
    ("scope", "video.list"),
    ("reason", "refused"),
    ("failing", "1h"),
    ("within", "30d"),
)
#: A page's name, and its address in the small and in the large room.
Line = tuple[str, tuple[str, str]]


def main() -> None:
    """Measure, and write the tables."""
    asked = _asked()
    with server(asked.database, own=asked.postgres) as postgres:
        _compare("PostgreSQL" if postgres else "SQLite", postgres, asked)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.operators_pages")
    parser.add_argument("--people", type=int, default=1_000_000, help="in the large database")
    parser.add_argument("--small", type=int, default=1_000, help="in the small one")
    parser.add_argument("--rounds", type=int, default=15, help="the table holds their medians")
    parser.add_argument("--database", help="postgresql://… of a user who can create databases")
    parser.add_argument("--postgres", action="store_true", help="start a PostgreSQL for this run")
    return parser.parse_args()


def _compare(name: str, postgres: Postgres | None, asked: argparse.Namespace) -> None:
    with room(asked.small, postgres) as small, room(asked.people, postgres) as large:
        progress(f"{name}: filled in {large.filled:.0f} s, counted in {large.counted:.1f} s")
        rooms = (small, large)
        table(_HEAD, _measured(rooms, _lines(rooms), asked.rounds))
        table(_FACTS, _taken(rooms))


def _lines(rooms: tuple[Room, Room]) -> list[Line]:
    lines = [("first page", path())]
    lines += [(f"{name}={word}", path((name, word))) for name, word in _FILTERS]
    lines += [(f"sort={way}{by}", path(("sort", way + by))) for by in _SORTS for way in ("", "-")]
    mixed = (("status", "healthy"), ("scope", "video.list"), ("sort", "-last_used"))
    lines += [("healthy, video.list, sort=-last_used", path(*mixed))]
    lines += [("search: a name", path(("q", "Mara Lindqvist")))]
    lines += [("search: one word", path(("q", "mara"))), ("search: nobody", path(("q", "xyzzy")))]
    lines += [("audit", "/operators/audit"), ("audit of an event", _event())]
    both: list[Line] = [(name, (address, address)) for name, address in lines]
    people = [room.somebody() for room in rooms]
    for what, words in (
        ("search: a ticket", [each.ticket for each in people]),
        ("search: an open_id", [each.open_id for each in people]),
    ):
        both.append((what, (path(("q", words[0])), path(("q", words[1])))))
    for sort in (Sort.EXPIRES, Sort.REFRESHES, Sort.NEXT):
        small, large = (room.deep(sort, _DEEP) for room in rooms)
        both.append((f"page 10,000, sort={sort}", (small, large)))
    return both


def _event() -> str:
    return "/operators/audit?what=connection.refreshed"


def _measured(
    rooms: tuple[Room, Room], lines: list[Line], rounds: int
) -> list[tuple[str | int, ...]]:
    lines = [line for line in lines if _answers(rooms, line)]
    asks = [(name, at, paths[at]) for name, paths in lines for at in (0, 1)]
    times: dict[tuple[str, int], list[float]] = {}
    rows: dict[tuple[str, int], int] = {}
    for number in range(rounds + 1):
        random.shuffle(asks)
        for name, at, address in asks:
            status, body, passed = rooms[at].ask(address)
            if status != 200:
                raise RuntimeError(f"{address} was answered with {status}")
            rows[name, at] = max(0, body.count(b"<tr") - 1)
            # The first round warms up.
            times.setdefault((name, at), []).extend([passed] if number else [])
        progress(f"round {number} of {rounds}")
    return [_line(name, rows, times) for name, _paths in lines]


def _answers(rooms: tuple[Room, Room], line: Line) -> bool:
    status = rooms[0].ask(line[1][0])[0]
    if status != 200:
        progress(f"{line[0]} is left out: answered with {status}")
    return status == 200


def _line(
    name: str, rows: dict[tuple[str, int], int], times: dict[tuple[str, int], list[float]]
) -> tuple[str | int, ...]:
    small, large = median(times[name, 0]), median(times[name, 1])
    ratio = f"{large / small:.2f}"
    return (name, rows[name, 0], f"{small:.1f}", rows[name, 1], f"{large:.1f}", ratio)


def _taken(rooms: Sequence[Room]) -> list[tuple[str, ...]]:
    found = []
    for each in rooms:
        for kind in ("csv", "json"):
            taken = operators_export.take(each, kind)
            memory = (f"{mb:.0f}" for mb in (taken.before, taken.most, taken.after))
            rate = f"{taken.rows / taken.seconds:.0f}"
            found.append((f"{kind}, {each.people:,}", rate, *memory))
    return found


if __name__ == "__main__":
    main()
