"""The table of docs/rules.md, made from the markers of the tests; never written by hand.

`python -m tests.rules.rules_table` writes it.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.processes import ROOT
from tests.rules.contract_rules import RULES

TABLE = ROOT / "docs" / "rules.md"
COMMAND = "python -m tests.rules.rules_table"
HEAD = f"""# The rules of TikTok's contract, and the tests that hold them

Made from the `@pytest.mark.rule(number)` markers by `{COMMAND}`; a test compares the two.

| rule | what must hold | tests |
|---|---|---|
"""


def rules_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield (rule number, name inside the file) for every marked test of one file's text."""
    tree = ast.parse(source)
    for_all = [
        number
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in node.targets)
        for number in _numbers(node.value)
    ]
    yield from _tests(tree, for_all, "")


def _tests(
    body: ast.Module | ast.ClassDef, above: list[int], prefix: str
) -> Iterator[tuple[int, str]]:
    for node in body.body:
        if isinstance(node, ast.ClassDef):
            own = [n for d in node.decorator_list for n in _numbers(d)]
            yield from _tests(node, above + own, f"{prefix}{node.name}::")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            own = [n for d in node.decorator_list for n in _numbers(d)]
            for number in dict.fromkeys(above + own):
                yield number, prefix + node.name


def _numbers(node: ast.AST) -> Iterator[int]:
    """Yield the numbers of every `….rule(1, 2)` inside `node`, parametrised cases included."""
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr == "rule"
        ):
            yield from (ast.literal_eval(argument) for argument in call.args)


def collect(folder: Path = ROOT / "tests") -> dict[int, list[str]]:
    """Return rule number → ids of the tests that name it, as pytest takes them."""
    found: dict[int, list[str]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        for number, name in rules_of(path.read_text(encoding="utf-8")):
            found.setdefault(number, []).append(f"{path.relative_to(ROOT).as_posix()}::{name}")
    return found


def render(found: dict[int, list[str]]) -> str:
    """Return the whole text of docs/rules.md."""
    rows = []
    for number, sentence in RULES.items():
        tests = "<br>".join(f"`{test}`" for test in found.get(number, [])) or "no test yet"
        rows.append(f"| {number} | {sentence.replace('|', '&#124;')} | {tests} |")
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(render(collect()), encoding="utf-8")
