"""The drawing of a chart: a round scale that no bar exceeds, and failures on top of successes."""

from datetime import UTC, datetime, timedelta

import pytest

from webapp.services.records.figures import Bar
from webapp.views.operators.health import SIZE, chart

NOW = datetime(2026, 11, 22, 14, tzinfo=UTC)


def bars(*counts: tuple[int, int]) -> list[Bar]:
    """Return one bar an hour."""
    return [Bar(NOW + timedelta(hours=n), *each) for n, each in enumerate(counts)]


@pytest.mark.parametrize(
    ("highest", "top"), [(1, 2), (2, 2), (3, 4), (13, 16), (17, 20), (155, 160), (161, 200)]
)
def test_the_scale_ends_at_a_round_even_number(highest: int, top: int) -> None:
    assert chart("hours", bars((highest, 0))).top == top


def test_failures_stand_on_successes_and_both_fit() -> None:
    drawn = chart("hours", bars((12, 4), (0, 1), (0, 0)))
    both, failed, none = drawn.columns
    assert both.good_height + both.failed_height == SIZE
    assert (failed.good_height, failed.failed_height) == (0, 6.2)
    assert (none.good_height, none.failed_height) == (0, 0)
    assert (drawn.max_count, drawn.total) == (16, 17)


def test_the_first_and_the_last_column_are_named() -> None:
    assert chart("hours", bars(*[(1, 0)] * 24)).ticks == (
        *("14:00", "20:00", "02:00", "08:00", "13:00"),
    )
    assert chart("hours", []).ticks == ()
