"""docs/contract.md says which tests check which rule, and every rule the app must obey has one."""

import re

from tests.rules.contract_page import COMMAND, PAGE, collect, render, rules_of
from tests.rules.contract_rules import NOT_YET, RULES


def test_every_rule_has_a_test_except_those_that_do_not_apply_yet() -> None:
    missing = sorted(RULES.keys() - NOT_YET - collect().keys())
    assert not missing, f"mark a test with @pytest.mark.rule(number) for the rules {missing}"


def test_a_rule_that_has_a_test_is_not_listed_as_one_without() -> None:
    assert not NOT_YET & collect().keys()


def test_every_marker_names_a_rule_of_the_contract() -> None:
    unknown = {number: tests for number, tests in collect().items() if number not in RULES}
    assert not unknown


def test_the_page_is_what_the_markers_generate() -> None:
    written = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    assert written == render(collect()), f"{PAGE.name} is out of date; write it with: {COMMAND}"


def test_every_link_of_the_page_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)]+)\)", render(collect()))
    assert len(links) > len(RULES)
    assert not [link for link in links if not (PAGE.parent / link).is_file()]


def test_the_page_names_the_rules_without_a_test() -> None:
    found = {number: ["tests/test_start.py::test_a"] for number in RULES if number != 49}
    assert "**Without a test:** 49." in render(found)
    assert render(found).count("No test yet.") == 1


def test_no_line_of_the_page_is_too_long_to_read() -> None:
    assert max(map(len, render(collect()).splitlines())) < 600


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
