"""Looking at the list reads the heads of indexes: no table from end to end, no large sort."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import Connection, event, select, text

from tests.operators import crowd
from tests.operators.test_list_pages import CHOSEN, DAY, changed
from webapp.database import db, writing
from webapp.models import PersonRef, Reason, User
from webapp.services import people
from webapp.services.operators import list_pages, list_query, list_search
from webapp.services.operators.list_query import Place, Query, Sort, State
from webapp.services.runtime import Runtime

QUERIES = [
    *(Query(sort=sort, down=down) for sort in CHOSEN for down in (False, True)),
    *(Query(state=state, sort=Sort.LAST_USED) for state in State),
    Query(scope="video.list"),
    Query(reason=Reason.REFUSED),
    Query(failing=DAY, scope="video.list"),
    Query(within=7 * DAY),
    Query(search="mara lind", state=State.FAILING),
    Query(search="-000person"),
]


@contextmanager
def plans() -> Iterator[list[str]]:
    """Collect the plan of every SELECT that reaches SQLite."""
    lines: list[str] = []

    def explain(connection: Connection, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}", values)
            lines.extend(row[3] for row in cursor.fetchall())

    event.listen(db.engine, "before_cursor_execute", explain)
    try:
        yield lines
    finally:
        event.remove(db.engine, "before_cursor_execute", explain)


def test_no_page_reads_the_table_or_an_index_from_end_to_end(runtime: Runtime) -> None:
    crowd.put(crowd.rows(runtime, runtime.clock(), 100))
    for query in QUERIES:
        hold_to_the_heads(runtime, query)


def hold_to_the_heads(runtime: Runtime, query: Query) -> None:
    """Look at a first page, one after and one before, and read their plans."""
    now = runtime.clock()
    last = list_pages.list_page(runtime, query, now, size=1).next
    with plans() as lines:
        list_pages.list_page(runtime, query, now, size=5)
        list_pages.list_page(runtime, changed(query, after=last or Place(None, 5)), now, size=5)
        list_pages.list_page(runtime, changed(query, before=last or Place(None, 5)), now, size=5)
    assert lines
    assert not [line for line in lines if re.search(r"SCAN (users|name_words)\b", line)]
    if not query.search:
        # Only an index that begins with the segment; or the rows of the page, by their ids.
        looked = {m[1] for line in lines if (m := re.search(r"(?:users\w*) USING (.+)", line))}
        assert all("ix_users_list_" in each or "INTEGER PRIMARY KEY" in each for each in looked)
        heads = [line for line in lines if "ix_users_list_" in line and "scope=?" in line]
        assert heads or last is None


@pytest.mark.usefixtures("each_database")
def test_a_page_like_one_before_compiles_no_statement(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = runtime.clock()
    crowd.put(crowd.rows(runtime, now, 60))
    pages = [list_pages.list_page(runtime, Query(down=True), now, size=5)]
    pages.append(list_pages.list_page(runtime, Query(down=True, after=pages[0].next), now, size=5))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(db.engine.dialect, "statement_compiler", refuse)
    later = now + DAY
    assert list_pages.list_page(runtime, Query(down=True), later, size=5).next == pages[0].next
    after = Query(down=True, after=pages[1].next)
    assert len(list_pages.list_page(runtime, after, later, size=5).rows) == 5


def test_all_rows_in_turn_go_by_ids(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_pages, "CHUNK_SIZE", 5)
    crowd.put(crowd.rows(runtime, runtime.clock(), 60))
    with plans() as lines:
        list(list_pages.each_row(runtime, Query(scope="video.list"), runtime.clock()))
    assert lines
    assert all("INTEGER PRIMARY KEY" in line for line in lines if "users" in line)


@pytest.mark.usefixtures("each_database")
def test_postgresql_and_sqlite_find_every_segment(runtime: Runtime) -> None:
    from webapp.database import reading
    from webapp.services.operators import list_keyset

    rows = crowd.rows(runtime, runtime.clock(), 120)
    crowd.put(rows)
    with reading() as session:
        found = list_keyset.existing_segments(session, runtime, Query())
        kinds = select(User.status, User.reason, User.scope).distinct()
        there = {tuple(row) for row in session.execute(kinds)}
    assert set(found) == there == {(row["status"], row["reason"], row["scope"]) for row in rows}
    assert len(found) == len(there)


@pytest.mark.usefixtures("each_database")
def test_a_search_is_bounded_and_says_so(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_search, "MAX_FOUND", 10)
    now = runtime.clock()
    crowd.put([crowd.one(runtime, now, n, display_name=f"Mara Number{n:03}") for n in range(30)])
    cut = list_pages.list_page(runtime, Query(search="mara"), now)
    assert (len(cut.rows), cut.cut) == (10, True)
    whole = list_pages.list_page(runtime, Query(search="number029 mara"), now)
    assert ([row.user.open_id for row in whole.rows], whole.cut) == (["-000person000029"], False)
    few = list_pages.list_page(runtime, Query(search="mara number00"), now)
    assert (len(few.rows), few.cut) == (10, False)


@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("ct_00000002", 1),
        ("CT_00000002", 1),
        ("-000person000002", 1),
        ("-000person00000", 10),
        ("-000PERSON000002", 0),
        ("élodie", 1),
        ("ELODIE", 1),
        ("o'neill élo", 1),
        ("oneill", 1),
        ("'-000person000002", 1),
        ("\u200f-000person000002\u200e", 1),
        ("\t\u00c9lo\u200cdie", 0),
        ("\u200f", 0),
        ("\0", 0),
        ("x" * 101, 0),
        ("élodie" + " " * 100, 0),
        ("%", 0),
        ("_", 0),
        ("mar'a--", 0),
        ("\U0010ffff", 0),
    ],
)
def test_people_are_found_by_ticket_open_id_and_name(
    runtime: Runtime, asked: str, found: int
) -> None:
    now = runtime.clock()
    crowd.put([crowd.one(runtime, now, n) for n in range(12)])
    crowd.put([crowd.one(runtime, now, 50, display_name="Élodie O'Neill")])
    assert len(list_pages.list_page(runtime, Query(search=asked), now).rows) == found
    assert len(list(list_pages.each_row(runtime, Query(search=asked), now))) == found
    assert list_pages.count_matching(runtime, Query(search=asked), now, limit=99) == found


NAMES = ["Søren Ødegård", "Łukasz", "İbrahim", "أحمد", "王小明", "🎩 Mara", "किरण शर्मा", "شیرین‌گل"]


@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("soren", "Søren Ødegård"),
        ("ODEGARD søren", "Søren Ødegård"),
        ("lukasz", "Łukasz"),
        ("ibrahim", "İbrahim"),
        ("IBRAHIM", "İbrahim"),
        ("احمد", "أحمد"),
        ("小明", "王小明"),
        ("🎩", "🎩 Mara"),
        ("किरण", "किरण शर्मा"),
        ("शर्मा", "किरण शर्मा"),
        ("شیرین‌گل", "شیرین‌گل"),
        ("\u200fشیرین گل\t", "شیرین‌گل"),
        ("شیرینگل", "شیرین‌گل"),
        ("شيرين", "شیرین‌گل"),
    ],
)
def test_a_name_is_found_however_it_is_typed(runtime: Runtime, asked: str, found: str) -> None:
    """Through the address, as the page does it, and on the stored and the typed text alike."""
    now = runtime.clock()
    crowd.put([crowd.one(runtime, now, n, display_name=name) for n, name in enumerate(NAMES)])
    query = list_query.parse_string(urlencode({"q": asked}))
    page = list_pages.list_page(runtime, query, now)
    assert [row.user.display_name for row in page.rows] == [found]
    exported = list_pages.each_row(runtime, query, now)
    assert [row.user.display_name for row in exported] == [found]


@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize("asked", ["7k2m", "9QXD", "7k2m9qxd", "ct_7K2M", "ct_7k2m-9q", "-9qxd"])
def test_a_ticket_is_found_by_half_of_it_and_without_its_dash(runtime: Runtime, asked: str) -> None:
    now = runtime.clock()
    crowd.put([crowd.one(runtime, now, 1, ticket="ct_7K2M-9QXD"), crowd.one(runtime, now, 2)])
    query = Query(search=asked)
    assert [row.user.id for row in list_pages.list_page(runtime, query, now).rows] == [2]
    assert [row.user.id for row in list_pages.each_row(runtime, query, now)] == [2]


def test_the_words_of_a_name_go_with_the_row(runtime: Runtime) -> None:
    crowd.put([crowd.one(runtime, runtime.clock(), 1, display_name="Mara")])
    with db.engine.begin() as connection:
        # The name, and the ticket from each of its halves on.
        assert connection.scalar(text("SELECT count(*) FROM name_words")) == 3
        connection.execute(text("DELETE FROM users"))
        assert connection.scalar(text("SELECT count(*) FROM name_words")) == 0


@pytest.mark.usefixtures("each_database")
def test_a_new_name_takes_the_place_of_the_former(runtime: Runtime) -> None:
    crowd.put([crowd.one(runtime, runtime.clock(), 1, display_name="Mara Lindqvist")])
    with writing() as session:
        people.store_words(session, PersonRef(2, "ct_00000001"), "Jo Lindqvist")
    found = [
        len(list_pages.list_page(runtime, Query(search=name), runtime.clock()).rows)
        for name in ("mara", "jo", "lindq jo")
    ]
    assert found == [0, 1, 1]
