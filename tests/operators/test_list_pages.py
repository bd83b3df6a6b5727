"""Every order of the list walks every row that matches once, both ways, by an index."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.operators import crowd
from webapp.database import writing
from webapp.models import Reason, User
from webapp.services.operators import list_pages, list_query, list_search
from webapp.services.operators.list_pages import Page
from webapp.services.operators.list_query import Place, Query, Sort, State
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")

CHOSEN = [sort for sort in Sort if sort is not Sort.FAILING_SINCE]
DAY = timedelta(days=1)
VALUE = {
    Sort.ATTENTION: "access_expires_at",
    Sort.EXPIRES: "access_expires_at",
    Sort.RECONNECT_BY: "refresh_expires_at",
    Sort.REFRESHES: "refreshes",
    Sort.LAST_USED: "last_used_at",
    Sort.NEXT: "next_at",
    Sort.FAILING_SINCE: "failing_since",
}
Dict = dict[str, Any]
#: Each filter, and the same in plain Python.
FILTERS: dict[str, tuple[Query, Callable[[Dict, datetime], bool]]] = {
    "all": (Query(), lambda row, now: True),
    "healthy": (Query(state=State.HEALTHY), lambda row, now: state_of(row, now) == "healthy"),
    "soon": (Query(state=State.SOON), lambda row, now: state_of(row, now) == "soon"),
    "failing": (Query(state=State.FAILING), lambda row, now: state_of(row, now) == "failing"),
    "reconnect": (Query(state=State.RECONNECT), lambda row, now: state_of(row, now) == "reconnect"),
    "revoked": (Query(state=State.REVOKED), lambda row, now: state_of(row, now) == "revoked"),
    "scope": (Query(scope="video.list"), lambda row, now: "video.list" in row["scope"]),
    "reason": (
        Query(reason=Reason.REFUSED),
        lambda row, now: row["reason"] == "refused",
    ),
    "failing for a day": (
        Query(failing=DAY),
        lambda row, now: row["status"] == "failing" and row["failing_since"] <= now - DAY,
    ),
    "within 30 days": (
        Query(within=30 * DAY),
        lambda row, now: (
            row["status"] in ("active", "failing")
            and row["refresh_expires_at"] is not None
            and now < row["refresh_expires_at"] <= now + 30 * DAY
        ),
    ),
    "healthy with a scope, within": (
        Query(state=State.HEALTHY, scope="video.list", within=90 * DAY),
        lambda row, now: (
            state_of(row, now) == "healthy"
            and "video.list" in row["scope"]
            and row["refresh_expires_at"] is not None
            and now < row["refresh_expires_at"] <= now + 90 * DAY
        ),
    ),
    "named": (
        Query(search="MARA"),
        lambda row, now: "mara" in (row["display_name"] or "").casefold(),
    ),
    "named and failing": (
        Query(search="mar lind", state=State.FAILING),
        lambda row, now: row["display_name"] == "Mara Lindqvist" and row["status"] == "failing",
    ),
    "nothing can be": (Query(state=State.REVOKED, failing=DAY), lambda row, now: False),
}


def state_of(row: Dict, now: datetime) -> str:
    """Tell the state of a row of the crowd."""
    return str(list_query.state_of(User(**row), now))


def changed(query: Query, **values: Any) -> Query:
    """Return the query with some of its values changed."""
    from dataclasses import replace

    return replace(query, **values)


def expected(rows: list[Dict], query: Query, now: datetime, wanted: Any) -> list[str]:
    """Return the open_ids in the order of the query, told without a database."""
    there = [row for row in rows if wanted(row, now)]
    if query.order is not Sort.ATTENTION:
        return in_order(there, VALUE[query.order], down=query.descending)
    urgent = ["reconnect", "failing", "ending", "soon", "healthy", "revoked"]
    down = query.descending
    ordered = [
        in_order(
            [row for row in there if urgency(row, now) == each],
            "refresh_expires_at" if each == "ending" else "access_expires_at",
            down=down,
        )
        for each in urgent
    ]
    return [open_id for each in (ordered[::-1] if down else ordered) for open_id in each]


def urgency(row: Dict, now: datetime) -> str:
    """Return the state of a row, or that its grant ends soon."""
    ends = row["refresh_expires_at"]
    soon = ends is not None and now < ends <= now + 14 * DAY
    return "ending" if soon and row["status"] == "active" else state_of(row, now)


def in_order(there: list[Dict], name: str, *, down: bool) -> list[str]:
    """Return the open_ids in the order of a column, without a value last."""
    valued = [row for row in there if row[name] is not None]
    without = [row for row in there if row[name] is None]
    valued.sort(key=lambda row: (row[name], row["id"]), reverse=down)
    without.sort(key=lambda row: row["id"], reverse=down)
    return [row["open_id"] for row in (*valued, *without)]


def names(page: Page) -> list[str]:
    return [row.user.open_id for row in page.rows]


def forward(runtime: Runtime, query: Query, now: datetime, size: int) -> Iterator[Page]:
    place: Place | None = None
    while True:
        page = list_pages.list_page(runtime, changed(query, after=place), now, size=size)
        yield page
        if page.next is None:
            return
        place = page.next


@pytest.fixture
def rows(runtime: Runtime) -> list[Dict]:
    made = crowd.rows(runtime, runtime.clock(), 60)
    crowd.put(made)
    return made


def hold_to(runtime: Runtime, rows: list[Dict], query: Query, wanted: Any) -> None:
    """Walk all pages of a query forward and back, and compare with what is right."""
    now = runtime.clock()
    right = expected(rows, query, now, wanted)
    pages = list(forward(runtime, query, now, 17))
    assert [row for page in pages for row in names(page)] == right
    assert pages[0].previous is None
    back = [pages[-1]]
    while back[-1].previous is not None:
        before = changed(query, before=back[-1].previous)
        back.append(list_pages.list_page(runtime, before, now, size=17))
    assert [names(page) for page in reversed(back)] == [names(page) for page in pages]


@pytest.mark.parametrize("sort", CHOSEN)
def test_every_order_walks_each_row_once_and_back(
    runtime: Runtime, rows: list[Dict], sort: Sort
) -> None:
    for down in (False, True):
        hold_to(runtime, rows, Query(sort=sort, down=down), lambda row, now: True)


def test_every_filter_walks_what_matches_once_and_back(runtime: Runtime, rows: list[Dict]) -> None:
    now = runtime.clock()
    for number, (query, wanted) in enumerate(FILTERS.values()):
        ordered = changed(query, sort=CHOSEN[number % len(CHOSEN)], down=number % 2 == 0)
        hold_to(runtime, rows, ordered, wanted)
        right = {row["open_id"]: row["id"] for row in rows if wanted(row, now)}
        assert [row.user.open_id for row in list_pages.each_row(runtime, query, now)] == list(right)
        assert list_pages.count_matching(runtime, query, now, limit=500) == len(right)


def test_all_rows_in_turn_come_in_chunks_and_hold_nothing_between(
    runtime: Runtime, rows: list[Dict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_pages, "CHUNK_SIZE", 20)
    walk = list_pages.each_row(runtime, Query(), runtime.clock())
    first = [next(walk).user.open_id for _ in range(20)]
    crowd.put([crowd.one(runtime, runtime.clock(), 500)])
    rest = [row.user.open_id for row in walk]
    assert [*first, *rest] == [*(row["open_id"] for row in rows), "-000person000500"]


def test_a_page_stays_put_while_rows_move(runtime: Runtime) -> None:
    now = runtime.clock()
    made = [
        crowd.one(runtime, now, n, access_expires_at=now + timedelta(hours=1 + n)) for n in range(9)
    ]
    crowd.put(made)
    first = list_pages.list_page(runtime, Query(), now, size=3)
    second = list_pages.list_page(runtime, Query(after=first.next), now, size=3)
    with writing() as session:
        # Refreshed: it leaves the first page for the last. Gone: the very row that is the place.
        session.get_one(User, 1).access_expires_at = now + timedelta(days=9)
        session.delete(session.get_one(User, 3))
    again = list_pages.list_page(runtime, Query(after=first.next), now, size=3)
    assert names(again) == names(second)
    assert again.previous is not None
    before = list_pages.list_page(runtime, Query(before=again.previous), now, size=3)
    assert names(before) == ["-000person000001", "-000person000003", "-000person000004"]


def test_a_place_beyond_the_last_row_is_an_empty_page_with_a_way_back(runtime: Runtime) -> None:
    now = runtime.clock()
    crowd.put([crowd.one(runtime, now, n) for n in range(4)])
    last = Place(None, 999_999_999, rank=5)
    beyond = list_pages.list_page(runtime, Query(after=last), now, size=3)
    assert (beyond.rows, beyond.next) == ([], None)
    back = list_pages.list_page(runtime, Query(before=beyond.previous), now, size=3)
    assert len(back.rows) == 3


@pytest.mark.parametrize("sort", CHOSEN)
@pytest.mark.parametrize("down", [False, True])
def test_the_page_before_an_emptied_one_ends_with_the_row_before_it(
    runtime: Runtime, rows: list[Dict], sort: Sort, down: bool
) -> None:
    """That row was on neither page."""
    now, query = runtime.clock(), Query(sort=sort, down=down)
    *_first, second, third = forward(runtime, query, now, 29)
    with writing() as session:
        for row in third.rows:
            session.delete(session.get_one(User, row.user.id))
    emptied = list_pages.list_page(runtime, changed(query, after=second.next), now, size=29)
    assert emptied.rows == []
    back = list_pages.list_page(runtime, changed(query, before=emptied.previous), now, size=29)
    assert names(back) == names(second)


def test_a_row_that_becomes_urgent_between_two_pages_is_on_the_next(runtime: Runtime) -> None:
    """The place of the last page was healthy then; now its access is about to expire."""
    now = runtime.clock()
    crowd.put(
        [
            crowd.one(runtime, now, n, access_expires_at=now + timedelta(minutes=31 + n))
            for n in range(6)
        ]
    )
    first = list_pages.list_page(runtime, Query(), now, size=2)
    later = now + timedelta(minutes=5)
    second = list_pages.list_page(runtime, Query(after=first.next), later, size=9)
    assert names(second) == [f"-000person00000{n}" for n in range(2, 6)]
    back = list_pages.list_page(runtime, Query(before=second.previous), later, size=2)
    assert names(back) == names(first)


@pytest.mark.rule(52)
def test_people_of_another_tiktok_app_are_not_listed(runtime: Runtime) -> None:
    now = runtime.clock()
    other = {"client_key": "another-app", "display_name": "Mara"}
    crowd.put([crowd.one(runtime, now, 1), crowd.one(runtime, now, 2, **other)])
    for query in (Query(), Query(sort=Sort.NEXT), Query(search="mara"), Query(search="-000")):
        right = [] if query.search == "mara" else ["-000person000001"]
        assert names(list_pages.list_page(runtime, query, now)) == right
        assert [row.user.open_id for row in list_pages.each_row(runtime, query, now)] == right


def test_an_export_of_a_search_holds_everyone_it_finds(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page has room for some; a file that stopped there would not say so."""
    monkeypatch.setattr(list_search, "MAX_FOUND", 10)
    crowd.put(
        [crowd.one(runtime, runtime.clock(), n, display_name="Mara Jones") for n in range(25)]
    )
    crowd.put([crowd.one(runtime, runtime.clock(), 90, display_name="Mara Ferreira")])
    crowd.put([crowd.one(runtime, runtime.clock(), 91, client_key="x", display_name="Mara Jones")])
    for text, count in (("mara", 26), ("jon MARA", 25), ("-000person", 26), ("ct_00000090", 1)):
        query = Query(search=text)
        assert len(list(list_pages.each_row(runtime, query, runtime.clock()))) == count, text
    assert list_pages.list_page(runtime, Query(search="mara"), runtime.clock()).cut
