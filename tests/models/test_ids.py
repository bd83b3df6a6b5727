"""An id that was given once is never given again, whatever is deleted."""

import pytest
from sqlalchemy import Connection, Engine, Table, delete, func, insert, select

from tests.migrations.conftest import Migrator, migrator
from tests.migrations.ladder import REVISIONS, fill
from webapp.database import NEVER_REUSED, Base, continue_after, last_id

__all__ = ["migrator"]

NUMBERED = [
    table for table in Base.metadata.sorted_tables if table.autoincrement_column is not None
]


def key_of(table: Table) -> str:
    column = table.autoincrement_column
    assert column is not None
    return column.name


def highest(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.max(table.c[key_of(table)]))) or 0


def add_one_more(connection: Connection, table: Table) -> int:
    """Insert the newest row once more, under an id that the database chooses; return the id."""
    key = key_of(table)
    newest = connection.execute(select(table).order_by(table.c[key].desc()).limit(1)).one()
    values = {name: value for name, value in newest._mapping.items() if name != key}
    values |= {c.name: f"other {newest._mapping[key]}" for c in table.columns if c.unique}
    if "open_id" in values:
        values["open_id"] = f"other {newest._mapping[key]}"
    (made,) = connection.execute(insert(table).values(values)).inserted_primary_key or (0,)
    return int(made)


def the_engine(migrator: Migrator) -> Engine:
    migrator.up()
    fill(migrator.engine, REVISIONS[-1])
    for table in NUMBERED:
        with migrator.engine.begin() as connection:
            continue_after(connection, table, highest(connection, table))
    return migrator.engine


def test_the_tables_with_numbered_keys_are_the_ones_we_know() -> None:
    assert {table.name for table in NUMBERED} == {"users", "audit_events", "bulk_items", "notices"}
    for table in NUMBERED:
        assert table.dialect_options["sqlite"]["autoincrement"], f"add {NEVER_REUSED} to {table}"


@pytest.mark.parametrize("table", NUMBERED, ids=lambda table: table.name)
def test_the_id_of_a_deleted_row_is_not_given_again(migrator: Migrator, table: Table) -> None:
    engine = the_engine(migrator)
    with engine.begin() as connection:
        first = add_one_more(connection, table)
    with engine.begin() as connection:
        connection.execute(delete(table).where(table.c[key_of(table)] == first))
    with engine.begin() as connection:
        assert highest(connection, table) < first
        assert add_one_more(connection, table) > first


@pytest.mark.parametrize("table", NUMBERED, ids=lambda table: table.name)
def test_a_table_can_be_told_to_continue_after_an_id_it_never_gave(
    migrator: Migrator, table: Table
) -> None:
    engine = the_engine(migrator)
    with engine.begin() as connection:
        continue_after(connection, table, 700)
        assert last_id(connection, table) == 700
        continue_after(connection, table, 3)
        assert last_id(connection, table) == 700, "it must never go back"
        assert add_one_more(connection, table) > 700
