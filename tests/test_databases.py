"""The PostgreSQL server of the tests gives each test a database of its own."""

import psycopg
import pytest
from sqlalchemy import URL

from tests.databases import Postgres

pytestmark = pytest.mark.postgres


def run(url: URL, statement: str) -> list[tuple[object, ...]]:
    where = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(where, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_a_database_made_from_a_template_has_its_rows_and_keeps_its_own(
    postgres_server: Postgres,
) -> None:
    template = postgres_server.create()
    run(template, "CREATE TABLE t AS SELECT 1 AS n")
    copy = postgres_server.create(template)
    run(copy, "INSERT INTO t VALUES (2)")
    assert run(copy, "SELECT n FROM t ORDER BY n") == [(1,), (2,)]
    postgres_server.refill(copy, template)
    assert run(copy, "SELECT n FROM t") == [(1,)]
    assert run(template, "SELECT n FROM t") == [(1,)]
    postgres_server.drop(copy)
    postgres_server.drop(template)


def test_every_name_of_a_person_can_be_stored(postgres_server: Postgres) -> None:
    assert run(postgres_server.admin, "SHOW server_encoding") == [("UTF8",)]
