"""Every migration, up and down, leaves the rows of people as they were."""

from typing import Any

import pytest

from tests.migrations.conftest import Migrator
from tests.migrations.ladder import (
    EACH_STEP,
    REVISIONS,
    SCRIPTS,
    STEPS,
    contents,
    fill,
    kept,
    revision_of,
    rows_at,
    schema_of,
    tables_of,
)
from tests.migrations.rows import REMADE, ROWS


def test_the_revisions_are_one_line_from_the_first_to_the_newest() -> None:
    assert SCRIPTS.get_heads() == REVISIONS[-1:]
    assert [script.down_revision for script in SCRIPTS.walk_revisions()] == [
        *REVISIONS[-2::-1],
        None,
    ]
    assert set(ROWS) <= set(REVISIONS), "these revisions are gone, take them out of rows.py"


def without_remade(tables: dict[str, list[Any]], revision: str) -> list[tuple[str, list[Any]]]:
    """Return the tables whose rows a revision leaves as they are."""
    return [pair for pair in tables.items() if pair[0] not in REMADE.get(revision, ())]


@pytest.mark.parametrize(("before", "after"), EACH_STEP)
def test_upgrading_keeps_every_row(migrator: Migrator, before: str, after: str) -> None:
    migrator.up(before)
    fill(migrator.engine, before)
    migrator.up(after)
    assert revision_of(migrator.engine) == after
    found = contents(migrator.engine)
    for table, rows in without_remade(kept(rows_at(before), migrator.engine), after):
        assert [
            {name: row[name] for name in expected}
            for row, expected in zip(found[table], rows, strict=True)
        ] == rows


@pytest.mark.parametrize(("before", "after"), EACH_STEP)
def test_downgrading_keeps_every_row_of_what_was_there(
    migrator: Migrator, before: str, after: str
) -> None:
    migrator.up(before)
    shape = schema_of(migrator.engine)
    migrator.up(after)
    fill(migrator.engine, after)
    migrator.down(before)
    assert revision_of(migrator.engine) == (None if before == "base" else before)
    assert schema_of(migrator.engine) == shape
    found = contents(migrator.engine)
    for table, rows in without_remade(kept(rows_at(after), shape), after):
        assert [
            {name: row[name] for name in expected}
            for row, expected in zip(found[table], rows, strict=True)
        ] == rows


@pytest.mark.parametrize(("before", "after"), EACH_STEP)
def test_a_step_can_be_taken_again_after_going_back(
    migrator: Migrator, before: str, after: str
) -> None:
    migrator.up(after)
    fill(migrator.engine, after)
    shape = schema_of(migrator.engine)
    migrator.down(before)
    migrator.up(after)
    assert schema_of(migrator.engine) == shape


def test_going_all_the_way_back_leaves_nothing(migrator: Migrator) -> None:
    migrator.up()
    fill(migrator.engine, REVISIONS[-1])
    for before, _after in reversed(STEPS):
        migrator.down(before)
    assert tables_of(migrator.engine) == []
    assert revision_of(migrator.engine) is None


def test_a_revision_without_rows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.migrations.ladder.REVISIONS", [*REVISIONS, "9999"])
    with pytest.raises(AssertionError, match="add rows for revision 9999"):
        rows_at("9999")


def test_a_table_without_rows_is_told(migrator: Migrator, monkeypatch: pytest.MonkeyPatch) -> None:
    migrator.up()
    without = {revision: {} if "users" in rows else rows for revision, rows in ROWS.items()}
    monkeypatch.setattr("tests.migrations.ladder.ROWS", without)
    with pytest.raises(AssertionError, match=rf"add rows for revision {REVISIONS[-1]}.* has none"):
        fill(migrator.engine, REVISIONS[-1])
