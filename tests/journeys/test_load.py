"""Two hundred sign-ins, sixteen at once, and ten thousand requests: no error, nothing doubled."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import create_engine, text

from tests.fixtures.served import Serve
from tests.journeys.crowd import all_at_once, invite, visit
from tests.journeys.http_browser import HttpBrowser
from tests.journeys.standing import BROKEN
from tests.servers import Gunicorn, Sandbox
from tests.walk import connect
from tests.workers import children, descriptors, memory

AT_ONCE = 16
GUESTS = 200
#: Not the download: it tells of every download before it, so two thousand make it large.
COMMON = ("/account", "/connect", "/static/style.css", "/nothing", "/", "/account/activity")


def people(url: str) -> tuple[int, int, int]:
    """Return how many rows there are, of how many people, and how many of them hold tokens."""
    engine = create_engine(url)
    query = "SELECT count(*), count(DISTINCT open_id), count(access_token) FROM users"
    with engine.connect() as connection:
        rows, distinct, held = connection.execute(text(query)).one()
    engine.dispose()
    return rows, distinct, held


def unbroken(server: Gunicorn) -> bool:
    """Tell whether the log is free of what nobody expected."""
    log = server.log()
    return not any(word in log for word in (*BROKEN, "database is locked", "QueuePool"))


@pytest.mark.long
@pytest.mark.rule(52, 54)
def test_two_hundred_come_twice_and_none_is_doubled(
    serve: Serve, sandbox: Sandbox, env: dict[str, str], each_database: str
) -> None:
    server = serve(workers=2)
    guests = invite(sandbox, GUESTS)
    for target in ("/connected", "/account"):
        visits = all_at_once(partial(visit, server.url), guests, AT_ONCE)
        assert Counter(v.status for v in visits) == {303: GUESTS}
        assert Counter(v.location for v in visits) == {target: GUESTS}
        assert Counter(v.account for v in visits) == {200: GUESTS}
        assert people(env["DATABASE_URL"]) == (GUESTS, GUESTS, GUESTS)
    assert len(sandbox.books()) == GUESTS
    assert sandbox.calls("token.authorization_code") == 2 * GUESTS
    assert unbroken(server)


@pytest.mark.rule(52)
def test_a_few_come_at_once_and_none_is_doubled(
    serve: Serve, sandbox: Sandbox, env: dict[str, str]
) -> None:
    server = serve(workers=2)
    guests = invite(sandbox, AT_ONCE)
    # Everybody with two browsers at the same moment.
    twice = [guest for guest in guests for _browser in range(2)]
    visits = all_at_once(partial(visit, server.url), twice, AT_ONCE)
    assert Counter(v.status for v in visits) == {303: 2 * AT_ONCE}
    assert Counter(v.account for v in visits) == {200: 2 * AT_ONCE}
    assert people(env["DATABASE_URL"]) == (AT_ONCE, AT_ONCE, AT_ONCE)
    assert unbroken(server)


@pytest.mark.long
@pytest.mark.timeout(400)
def test_ten_thousand_requests_leave_the_workers_as_they_were(serve: Serve) -> None:
    # One worker: of two, one may get so little of the first thousand that it warms up later.
    server = serve(workers=1, LOG_LEVEL="WARNING")
    workers = children(server.process.pid)
    assert len(workers) == 1
    mixed(server, 2000)
    before = {pid: (memory(pid), descriptors(pid)) for pid in workers}
    mixed(server, 10_000)
    assert children(server.process.pid) == workers
    after = {pid: (memory(pid), descriptors(pid)) for pid in workers}
    for pid in workers:
        # Room for caches and open connections; a kilobyte a request would be 5,000 more.
        assert after[pid][0] - before[pid][0] < 4000, (before, after)
        assert after[pid][1] - before[pid][1] <= AT_ONCE, (before, after)
    assert unbroken(server)


def mixed(server: Gunicorn, number: int) -> None:
    """Make this many requests of every common kind, some at once."""

    def share(_turn: int) -> Counter[int]:
        seen: Counter[int] = Counter()
        with HttpBrowser(server.url) as browser:
            assert connect(browser).status_code == 303
            for turn in range(number // AT_ONCE - 5):
                seen[browser.get(COMMON[turn % len(COMMON)]).status_code] += 1
        return seen

    with ThreadPoolExecutor(AT_ONCE) as crowd:
        seen = sum(crowd.map(share, range(AT_ONCE)), Counter[int]())
    assert set(seen) == {200, 303, 404}
