"""The page shows the last mutation run: the score, and each survivor with its reason."""

import pytest

from tests.mutants.areas import AREAS
from tests.mutants.page import score_section
from tests.mutants.results import Survivor, change, read_results, reasons, survivors
from tests.processes import ROOT

BEFORE = ["def due(now, at):", "    return at is not None and at <= now"]
AFTER = ["def due(now, at):", "    return at is not None and at < now"]
MADE_UP = {
    "crypto": {
        **{"date": "2026-01-31", "seed": 14, "seconds": 60.0, "mutants": 50, "tried": 8},
        **{"killed": 5, "timeout": 1, "survived": 1, "unreached": 1},
        "survivors": [
            {**change("webapp/a.py", "x_due__mutmut_7", BEFORE, AFTER), "verdict": "survived"},
            {
                **{"file": "webapp/b.py", "function": "B.c", "verdict": "unreached"},
                **{"before": "return 1 | 2", "after": "return None"},
            },
        ],
    }
}


def test_every_area_has_modules_and_tests() -> None:
    for area in AREAS.values():
        assert area.modules
        assert all((ROOT / "tests" / each).exists() for each in area.tests)
    assert "webapp.services.refresh.claims" in AREAS["refresh"].modules


def test_a_page_without_survivors_lists_none() -> None:
    area = MADE_UP["crypto"] | {"killed": 7, "survived": 0, "unreached": 0, "survivors": []}
    page = score_section({"crypto": area}, {})
    assert "| 8 | 8 | 0 | 100% |" in page
    assert "Survivors" not in page


def test_a_reason_for_what_no_longer_survives_is_removed() -> None:
    found = {each.key for each in survivors(read_results())}
    assert not [key for key in reasons() if key not in found]


def test_a_change_is_known_by_its_lines_not_by_its_number() -> None:
    seven = change("webapp/a.py", "x_due__mutmut_7", BEFORE, AFTER)
    assert seven == change("webapp/a.py", "x_due__mutmut_8", BEFORE, AFTER)
    assert seven["function"] == "due"
    of_class = change("webapp/a.py", "xǁClockǁdue__mutmut_1", BEFORE, AFTER)
    assert of_class["function"] == "Clock.due"


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("f(a, b)", "f(a, None)", "`f(a, b)` → `f(a, None)`"),
        ("x" * 40 + " < 1", "x" * 40 + " <= 1", f"`…{'x' * 22} < 1` → `…{'x' * 22} <= 1`"),
        ("a | b", "a & b", "`a \\| b` → `a & b`"),
        ("f(now, 1)", "f(1)", "`f(now, 1)` → `f(1)`"),
    ],
)
def test_a_change_is_shown_with_a_little_of_its_line(before: str, after: str, shown: str) -> None:
    assert Survivor("a.py", "f", before, after).brief == shown


def test_the_page_has_the_score_and_marks_a_survivor_without_a_reason() -> None:
    first = survivors(MADE_UP)[0]
    page = score_section(MADE_UP, {first.key: "Both are fine."})
    assert "| 2026-01-31 | 14 | 50 | 60 s | 8 | 6 | 2 | 75% |" in page
    assert "| `a.py` `due` | `…" in page
    assert "| Both are fine. |" in page
    assert "| `b.py` `B.c` | `return 1 \\| 2` → `return None` | Not judged yet |" in page
