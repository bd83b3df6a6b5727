"""A prepared read takes PostgreSQL's connection out of its transactions for one query only."""

from typing import Any

from sqlalchemy import Integer, bindparam, column, select
from sqlalchemy.dialects.postgresql import psycopg

from webapp.services.handout import handout


class Driver:
    """Acts as a connection of psycopg; remembers how it was set when a query ran."""

    def __init__(self) -> None:
        """Begin as psycopg does, with transactions."""
        self.autocommit = False
        self.seen: list[bool] = []

    def cursor(self) -> "Driver":
        """Return this; one is enough."""
        return self

    def execute(self, _text: str, _values: Any) -> None:
        """Take the query."""
        self.seen.append(self.autocommit)

    def fetchone(self) -> tuple[int]:
        """Return a row."""
        return (7,)

    def close(self) -> None:
        """Close the cursor."""


def test_a_read_begins_no_transaction_and_the_next_user_of_the_connection_has_them_again() -> None:
    statement = select(column("n", Integer)).where(column("n", Integer) == bindparam("n"))
    prepared = handout._Prepared(statement, psycopg.dialect())
    driver = Driver()
    assert prepared.run(driver, {"n": "7"}).n == 7  # type: ignore[arg-type]  # what it calls
    assert driver.seen == [True]
    assert driver.autocommit is False
