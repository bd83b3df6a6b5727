"""Reads the first row of one prepared statement, with no session and no transaction; never writes.

SQLAlchemy writes the statement once for each kind of database and converts the values. What it
does around each execution costs five times as much as the look itself (104 against 17 µs on
SQLite), and a hand-out is little more than one look.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Dialect, Select
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import db


class Away(Exception):
    """The database did not answer; the message is the name of the driver's error, no more."""


class Glance:
    """One statement that reads one row."""

    def __init__(self, statement: Select[Any]) -> None:
        """Take the statement; its parameters are texts, bound by name."""
        self._statement = statement
        self._prepared: dict[str, _Prepared] = {}

    def first(self, values: Mapping[str, str]) -> Any:
        """Return the row as a named tuple; None if there is none. Raises Away."""
        engine = db.engine
        name = engine.dialect.name
        prepared = self._prepared.get(name)
        if prepared is None:
            prepared = self._prepared[name] = _Prepared(self._statement, engine.dialect)
        errors = (SQLAlchemyError, engine.dialect.loaded_dbapi.Error)
        try:
            connection = engine.raw_connection()
        except errors as error:
            raise Away(type(error).__name__) from None
        try:
            return prepared.run(connection.driver_connection, values)
        except errors as error:
            connection.invalidate()
            raise Away(type(error).__name__) from None
        finally:
            connection.close()


class _Prepared:
    """The statement in one database's words, and how its values become ours."""

    def __init__(self, statement: Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        columns = statement.selected_columns
        self._text = str(compiled)
        #: Names in order where the driver takes them by position; None: by name.
        self._order = compiled.positiontup if compiled.positional else None
        row = namedtuple("row", columns.keys())  # type: ignore[misc]  # known at run time only
        self._row: Callable[..., Any] = row
        self._processors = [
            (index, processor)
            for index, column in enumerate(columns)
            if (processor := column.type.dialect_impl(dialect).result_processor(dialect, None))
        ]
        # SQLite's driver is told by database.py to begin nothing by itself.
        self._begins = dialect.name != "sqlite"

    def run(self, connection: DBAPIConnection | None, values: Mapping[str, str]) -> Any:
        """Return the first row as a named tuple; None if there is none."""
        driver: Any = connection
        if self._begins:
            driver.autocommit = True
        cursor = driver.cursor()
        cursor.execute(
            self._text, [values[name] for name in self._order] if self._order else values
        )
        found = cursor.fetchone()
        cursor.close()
        if self._begins:
            driver.autocommit = False
        if found is None:
            return None
        row = list(found)
        for index, processor in self._processors:
            if row[index] is not None:
                row[index] = processor(row[index])
        return self._row(*row)
