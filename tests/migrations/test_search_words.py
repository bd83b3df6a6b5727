"""Migration 0015: everyone who is stored already is found as newcomers are."""

import pytest
from sqlalchemy import text

from tests.migrations.conftest import Migrator
from tests.migrations.ladder import contents, fill
from webapp import search_words

#: Three batches of people, with a gap between the ids.
MANY = text(
    "WITH RECURSIVE n(n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM n WHERE n < 2400)"
    " INSERT INTO users (id, open_id, ticket, display_name, client_key, created_at, scope,"
    " asked_scope, version, status, failures, refreshes, connected_at, interrupted)"
    " SELECT n, 'o' || n, 'ct_' || (2220000 + n), '\u0141ukasz', client_key, created_at, scope,"
    " asked_scope, version, status, failures, refreshes, connected_at, interrupted"
    " FROM users, n WHERE id = 2"
)


def words(migrator: Migrator) -> dict[int, set[str]]:
    """Return the words that are stored for each person."""
    found: dict[int, set[str]] = {}
    for row in contents(migrator.engine)["name_words"]:
        found.setdefault(row["user_id"], set()).add(row["word"])
    return found


def test_everyone_gets_the_words_of_a_newcomer_in_batches(
    migrator: Migrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrator.up("0014")
    fill(migrator.engine, "0014")
    with migrator.engine.begin() as connection:
        connection.execute(text("UPDATE users SET display_name = 'S\u00f8ren' WHERE id = 2"))
        connection.execute(MANY)
    migrator.up("0015")
    found = words(migrator)
    assert found[1] == {
        *search_words.of_name("\u611b\u5b50 O'Hara \U0001f527"),
        "#8f2k91qd",
        "#91qd",
    }
    assert found[2] == {"soren", "#22222222", "#2222"}
    assert len(found) == 2 + 2391
    assert {"lukasz"} == set().union(*(found[number] for number in range(10, 2401)))


def test_going_back_stores_the_former_words(migrator: Migrator) -> None:
    migrator.up("0015")
    fill(migrator.engine, "0015")
    migrator.down("0014")
    assert words(migrator) == {1: {"\u611b\u5b50", "o", "hara"}}
