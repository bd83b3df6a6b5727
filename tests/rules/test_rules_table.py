"""docs/rules.md says truly which test holds which rule, and no rule of now is without one."""

from tests.rules.contract_rules import MUST_COVER, RULES
from tests.rules.rules_table import COMMAND, TABLE, collect, render, rules_of


def test_every_rule_that_must_hold_now_is_named_by_a_test() -> None:
    missing = sorted(MUST_COVER - collect().keys())
    assert not missing, f"mark a test with @pytest.mark.rule(number) for the rules {missing}"


def test_every_marker_names_a_rule_of_the_contract() -> None:
    unknown = {number: tests for number, tests in collect().items() if number not in RULES}
    assert not unknown


def test_the_table_is_the_one_the_markers_make() -> None:
    written = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
    assert written == render(collect()), f"docs/rules.md is out of date; write it with: {COMMAND}"


def test_the_rules_are_numbered_without_a_gap() -> None:
    assert list(RULES) == list(range(1, 66))


def test_markers_are_found_on_functions_classes_cases_and_whole_files() -> None:
    source = (
        "pytestmark = pytest.mark.rule(1)\n"
        "@pytest.mark.rule(2, 3)\n"
        "def test_a(): ...\n"
        "@pytest.mark.rule(4)\n"
        "class TestB:\n"
        "    @pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.rule(5))])\n"
        "    def test_c(self, x): ...\n"
        "def helper(): ...\n"
    )
    assert list(rules_of(source)) == [
        (1, "test_a"),
        (2, "test_a"),
        (3, "test_a"),
        (1, "TestB::test_c"),
        (4, "TestB::test_c"),
        (5, "TestB::test_c"),
    ]
