"""Climbs the revisions one by one and looks at what lies in the tables; knows no model."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect, text

from tests.migrations.rows import ROWS, Row, Tables
from webapp.services.maintenance.database_checks import MIGRATIONS

SCRIPTS = ScriptDirectory(str(MIGRATIONS))
#: Every revision, the oldest first, as the folder of migrations has them.
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]
#: Every step: (from, to); the first begins at nothing.
STEPS = list(zip(["base", *REVISIONS], REVISIONS, strict=False))
#: The same as parameters of tests: released steps don't change, so they run with the long tests.
EACH_STEP = [
    *(pytest.param(*step, marks=pytest.mark.long) for step in STEPS[:-2]),
    *STEPS[-2:],
]


def rows_at(revision: str) -> Tables:
    """Return the rows of every table as of one revision. Raises AssertionError if none are told."""
    told: dict[str, Sequence[Row]] = {}
    if revision == "base":
        return told
    for each in REVISIONS[: REVISIONS.index(revision) + 1]:
        assert each in ROWS, f"add rows for revision {each} to tests/migrations/rows.py"
        told |= ROWS[each]
    return told


def fill(engine: Engine, revision: str) -> None:
    """Insert the rows of one revision by plain SQL.

    Raises AssertionError if the database has a table for which no rows are told.
    """
    tables = rows_at(revision)
    there = tables_of(engine)
    for table in there:
        assert tables.get(table), f"add rows for revision {revision}: its table {table} has none"
    with engine.begin() as connection:
        for table in [table for table in tables if table in there]:
            for row in tables[table]:
                _insert(connection, table, row)


def tables_of(engine: Engine) -> list[str]:
    """Return the names of the tables, without Alembic's own."""
    return sorted(set(inspect(engine).get_table_names()) - {"alembic_version"})


def schema_of(engine: Engine) -> Mapping[str, Any]:
    """Return what the database says of itself: columns, keys and indexes of every table."""
    look = inspect(engine)
    return {
        table: {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"]) for c in look.get_columns(table)
            ],
            "key": look.get_pk_constraint(table)["constrained_columns"],
            "foreign": look.get_foreign_keys(table),
            "unique": sorted(look.get_unique_constraints(table), key=str),
            "indexes": sorted((_comparable(each) for each in look.get_indexes(table)), key=str),
        }
        for table in tables_of(engine)
    }


def _comparable(index: Mapping[str, Any]) -> dict[str, Any]:
    """Return an index with the condition under which it holds a row as text."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def contents(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table, times as aware UTC, in a fixed order."""
    with engine.connect() as connection:
        return {table: _select(connection, table) for table in tables_of(engine)}


def kept(tables: Tables, before: Engine | Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return what must lie in tables of the shape `before`: each row, as far as columns remain."""
    shape = schema_of(before) if isinstance(before, Engine) else before
    return {
        table: [
            {name: row[name] for name, *_rest in described["columns"] if name in row}
            for row in sorted(tables[table], key=_by_key)
        ]
        for table, described in shape.items()
        if table in tables
    }


def revision_of(engine: Engine) -> str | None:
    """Return the revision the database is at; None before the first."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


@contextmanager
def watching(engine: Engine) -> Iterator[list[str]]:
    """Collect the statements that reach the database."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def _insert(connection: Connection, table: str, row: Row) -> None:
    names = ", ".join(row)
    places = ", ".join(f":{name}" for name in row)
    values = {name: _written(connection, value) for name, value in row.items()}
    # Names of tables and columns come from rows.py.
    statement = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608  (see above)
    connection.execute(text(statement), values)


def _select(connection: Connection, table: str) -> list[dict[str, Any]]:
    found = connection.execute(text(f"SELECT * FROM {table}"))  # noqa: S608  (as for _insert)
    rows = [dict(row._mapping) for row in found]
    return sorted(({n: _read(n, v) for n, v in row.items()} for row in rows), key=_by_key)


def _by_key(row: Row) -> str:
    return str(next(iter(row.values())))


def _written(connection: Connection, value: Any) -> Any:
    if isinstance(value, datetime) and connection.dialect.name == "sqlite":
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return value


def _read(name: str, value: Any) -> Any:
    moment = name in ("at", "minute") or name.endswith(("_at", "_since"))
    if moment and isinstance(value, str):
        return datetime.strptime(value, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=UTC)
    return value.astimezone(UTC) if isinstance(value, datetime) else value
