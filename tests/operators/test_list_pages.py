"""Every order of the list walks every row that matches once, both ways, by an index."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.operators import crowd
from webapp.models import Reason, User
from webapp.services import listing, standing
from webapp.services.house import House
from webapp.services.listing import Page
from webapp.services.standing import State
from webapp.services.wanted import Place, Query, Sort

pytestmark = pytest.mark.usefixtures("each_database")

CHOSEN = [sort for sort in Sort if sort is not Sort.FAILING_SINCE]
DAY = timedelta(days=1)
VALUE = {
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
    return str(standing.of(User(**row), now))


def changed(query: Query, **values: Any) -> Query:
    """Return the query with some of its values changed."""
    from dataclasses import replace

    return replace(query, **values)


def expected(rows: list[Dict], query: Query, now: datetime, wanted: Any) -> list[str]:
    """Return the open_ids in the order of the query, told without a database."""
    name = VALUE[query.order]
    there = [row for row in rows if wanted(row, now)]
    valued = [row for row in there if row[name] is not None]
    without = [row for row in there if row[name] is None]
    down = query.falling
    valued.sort(key=lambda row: (row[name], row["id"]), reverse=down)
    without.sort(key=lambda row: row["id"], reverse=down)
    return [row["open_id"] for row in (*valued, *without)]


def names(page: Page) -> list[str]:
    return [row.open_id for row in page.rows]


def forward(house: House, query: Query, now: datetime, size: int) -> Iterator[Page]:
    place: Place | None = None
    while True:
        page = listing.page(house, changed(query, after=place), now, size=size)
        yield page
        if page.next is None:
            return
        place = page.next


@pytest.fixture
def rows(house: House) -> list[Dict]:
    made = crowd.rows(house, house.clock(), 150)
    crowd.put(made)
    return made


@pytest.mark.parametrize("name", FILTERS)
def test_every_order_of_every_filter_walks_each_row_once_and_back(
    house: House, rows: list[Dict], name: str
) -> None:
    now = house.clock()
    for sort in CHOSEN:
        for down in (False, True):
            query = changed(FILTERS[name][0], sort=sort, down=down)
            right = expected(rows, query, now, FILTERS[name][1])
            pages = list(forward(house, query, now, 17))
            assert [row for page in pages for row in names(page)] == right
            assert pages[0].previous is None
            back = [pages[-1]]
            while back[-1].previous is not None:
                before = changed(query, before=back[-1].previous)
                back.append(listing.page(house, before, now, size=17))
            assert [names(page) for page in reversed(back)] == [names(page) for page in pages]
    assert {row.open_id for row in listing.each(house, query, now)} == set(right)
