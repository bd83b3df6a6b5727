"""Every event of the audit is in a test, and every place that writes one names its exact fields."""

import ast
from collections.abc import Iterator

from tests.processes import ROOT
from webapp.services.records.audit import EVENTS


def calls(folder: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield (place, call) of every call in the Python files of a folder."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def marked() -> set[str]:
    """Return every event that some test is marked to play."""
    return {
        str(call.args[0].value)
        for _place, call in calls("tests")
        if ast.unparse(call.func) == "pytest.mark.audit" and isinstance(call.args[0], ast.Constant)
    }


def test_every_event_is_played_by_a_test() -> None:
    told = 'mark a test that does it with @pytest.mark.audit("EVENT")'
    assert sorted(EVENTS.keys() - marked()) == [], told
    assert sorted(marked() - EVENTS.keys()) == [], "there is no such event"


def test_every_place_that_writes_one_names_its_exact_fields() -> None:
    found = [(place, c) for place, c in calls("webapp") if ast.unparse(c.func) == "audit.record"]
    assert len(found) >= len(EVENTS) // 2
    for place, call in found:
        event = call.args[2]
        assert isinstance(event, ast.Constant), f"{place}: write the event's name here"
        given = {keyword.arg for keyword in call.keywords} - {"on"}
        assert EVENTS.get(str(event.value)) == given, place


def test_every_event_is_written_somewhere() -> None:
    written = {
        str(call.args[2].value)
        for _place, call in calls("webapp")
        if ast.unparse(call.func) == "audit.record" and isinstance(call.args[2], ast.Constant)
    }
    assert sorted(EVENTS.keys() - written) == []
