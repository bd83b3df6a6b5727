"""Two hundred sign-ins, sixteen at once: no error, nothing doubled."""

from collections import Counter
from functools import partial

import pytest
from sqlalchemy import create_engine, text

from tests.fixtures.served import Serve
from tests.journeys.crowd import all_at_once, invite, visit
from tests.journeys.standing import BROKEN
from tests.servers import Gunicorn, Sandbox

AT_ONCE = 16
GUESTS = 200


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


@pytest.mark.long
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
