"""Compares the operators' pages at a million people with the same pages at a thousand.

Each database has its own gunicorn with one worker process. Requests alternate between the two, so
a busy machine slows both alike. A page with fewer rows renders faster, so the table shows the row
counts too.
"""

import random
from collections.abc import Iterator, Sequence
from statistics import median

from benchmarks.operators import export
from benchmarks.operators.site import Site, path, site
from benchmarks.output import progress
from benchmarks.part import NothingChosen, Options, Part, Size, Table, noise
from webapp.services.operators.list_query import Sort

_HEAD = ("Page", "Rows", "Median ms, small", "Rows", "Median ms, large", "Ratio")
_EXPORT_HEAD = ("Export", "Rows/s", "MB before", "MB peak", "MB after")
#: People in the small and in the large database.
_PEOPLE = {Size.TINY: (200, 600), Size.QUICK: (1_000, 10_000), Size.FULL: (1_000, 1_000_000)}
_ROUNDS = {Size.TINY: 1, Size.QUICK: 1, Size.FULL: 11}
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


def _run(asked: Options) -> Iterator[Table]:
    small, large = _PEOPLE[asked.size]
    for name, postgres in asked.databases:
        with site(small, postgres) as one, site(large, postgres) as other:
            filling = f"Filling took {other.filled:.0f} s, one count of everything"
            filling += f" {other.counted:.1f} s."
            sites = (one, other)
            rows, spread = _measured(sites, _pages(sites), _ROUNDS[asked.size], asked.only)
            title = f"Operators' pages, {name}, {small:,} and {large:,} people"
            yield Table(title, _HEAD, rows, [filling, spread])
            yield Table(f"Exports, {name}", _EXPORT_HEAD, _exports(sites))


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
    sites: tuple[Site, Site], pages: list[Page], rounds: int, only: str
) -> tuple[list[list[str]], str]:
    pages = [page for page in pages if only in page[0] and _responds(sites, page)]
    if not pages:
        raise NothingChosen
    requests = [(name, at, paths[at]) for name, paths in pages for at in (0, 1)]
    times: dict[tuple[str, int], list[float]] = {}
    rows: dict[tuple[str, int], int] = {}
    for turn in range(rounds + 1):
        random.shuffle(requests)
        for name, at, address in requests:
            status, body, passed = sites[at].get(address)
            if status != 200:
                raise RuntimeError(f"{address} responded with {status}")
            rows[name, at] = max(0, body.count(b"<tr") - 1)
            # The first round is a warm-up.
            times.setdefault((name, at), []).extend([passed] if turn else [])
        progress(f"round {turn} of {rounds}")
    first = pages[0][0]
    spread = noise(f"{first}, small", times[first, 0])
    return [_row(name, rows, times) for name, _paths in pages], spread


def _responds(sites: tuple[Site, Site], page: Page) -> bool:
    status = sites[0].get(page[1][0])[0]
    if status != 200:
        progress(f"skipping {page[0]}: responded with {status}")
    return status == 200


def _row(
    name: str, rows: dict[tuple[str, int], int], times: dict[tuple[str, int], list[float]]
) -> list[str]:
    small, large = median(times[name, 0]), median(times[name, 1])
    counts = (str(rows[name, 0]), str(rows[name, 1]))
    return [name, counts[0], f"{small:.1f}", counts[1], f"{large:.1f}", f"{large / small:.2f}"]


def _exports(sites: Sequence[Site]) -> list[list[str]]:
    found = []
    for each in sites:
        for kind in ("csv", "json"):
            one = export.measure(each, kind)
            memory = (f"{mb:.0f}" for mb in (one.before, one.peak, one.after))
            rate = f"{one.rows / one.seconds:.0f}"
            found.append([f"{kind}, {each.people:,}", rate, *memory])
    return found


PART = Part("operators", "operators' pages and exports with a million people", _run)
