"""docs/security.md says which tests check which promise, and every promise has one."""

import re

from tests.promises.page import (
    COMMAND,
    MARKER,
    PAGE,
    Fault,
    Promise,
    faults,
    generated,
    matching,
    promises,
    render,
)


def test_every_promise_has_a_test_or_is_listed_as_one_without() -> None:
    missing = [each.id for each in promises() if not each.tests and not each.gap]
    assert not missing, f"add tests to promises.toml for {missing}"


def test_a_promise_that_has_a_test_is_not_listed_as_one_without() -> None:
    assert not [each.id for each in promises() if each.tests and each.gap]


def test_every_test_that_is_named_exists() -> None:
    unknown = [
        f"{each.id}: {entry}" for each in promises() for entry in each.tests if not matching(entry)
    ]
    assert not unknown, "promises.toml names tests that aren't there: " + ", ".join(unknown)


def test_every_fault_names_tests_that_exist_and_says_what_is_seen_and_kept() -> None:
    rows = faults()
    assert len(rows) > 10
    assert not [entry for each in rows for entry in each.tests if not matching(entry)]
    assert not [
        each.fault
        for each in rows
        if not (each.people and each.operators and each.kept and each.tests)
    ]


def test_an_entry_names_a_file_a_class_or_a_test_and_nothing_else() -> None:
    here = "promises/test_promises.py"
    name = "test_an_entry_names_a_file_a_class_or_a_test_and_nothing_else"
    assert f"{here}::{name}" in matching(here)
    assert matching(f"{here}::{name}") == [f"{here}::{name}"]
    assert matching("test_start.py::TestRefusedStart")
    assert matching(f"{here}::test_an_entry") == []
    assert matching("promises/test_nowhere.py") == []


def test_each_promise_has_an_id_of_its_own() -> None:
    ids = [each.id for each in promises()]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", each) for each in ids)


def test_the_page_is_what_the_promises_generate() -> None:
    _written, _marker, below = PAGE.read_text(encoding="utf-8").partition(MARKER)
    assert below == generated(), f"{PAGE.name} is out of date; write it with: {COMMAND}"


def test_the_page_names_the_promises_without_a_test() -> None:
    rows = [
        Promise("one", "A", "We do.", ("RFC 1",), ("test_start.py::TestServing",)),
        Promise("two", "A", "We will.", gap="no test yet"),
    ]
    page = render(rows)
    assert "**Without a test:** `two`." in page
    assert "| `two` | We will. | No test yet |" in page
    assert re.search(r"`one`<br>RFC 1 \| We do\. \| \[test_start\.py\]\(\S+\) \(\d+\) \|", page)


def test_the_page_says_of_a_fault_who_sees_what() -> None:
    fault = Fault("It rains", "Rain.", "More rain.", "All.", ("test_start.py::TestServing",))
    page = render([], [fault])
    assert "## Faults" in page
    assert re.search(r"\| It rains \| Rain\. \| More rain\. \| All\. \| \[test_start\.py\]", page)
