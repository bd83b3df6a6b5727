"""Every event of the audit is in a test, and every place that writes one names its exact fields."""

import ast
from collections.abc import Iterator
from functools import cache

from tests.processes import ROOT
from webapp.services.records.audit import EVENTS


def calls(folder: str, function: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield (place, call) of every call of a function in the Python files of a folder."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        # Parsing takes the time, and few files call it.
        if function not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == function:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


@cache
def marked() -> frozenset[str]:
    """Return every event that some test is marked to play."""
    return frozenset(
        str(call.args[0].value)
        for _place, call in calls("tests", "pytest.mark.audit")
        if isinstance(call.args[0], ast.Constant)
    )


def test_every_event_is_played_by_a_test() -> None:
    told = 'mark a test that does it with @pytest.mark.audit("EVENT")'
    assert sorted(EVENTS.keys() - marked()) == [], told
    assert sorted(marked() - EVENTS.keys()) == [], "there is no such event"


def test_every_place_that_writes_one_names_its_exact_fields() -> None:
    found = list(calls("webapp", "audit.record"))
    assert len(found) >= len(EVENTS) // 2
    for place, call in found:
        event = call.args[2]
        assert isinstance(event, ast.Constant), f"{place}: write the event's name here"
        given = {keyword.arg for keyword in call.keywords} - {"on"}
        assert EVENTS.get(str(event.value)) == given, place


def test_every_event_is_written_somewhere() -> None:
    written = {
        str(call.args[2].value)
        for _place, call in calls("webapp", "audit.record")
        if isinstance(call.args[2], ast.Constant)
    }
    assert sorted(EVENTS.keys() - written) == []
