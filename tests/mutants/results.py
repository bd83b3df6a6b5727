"""The results of the last run of mutation testing, the accepted survivors, and their page."""

import json
import os.path
import re
import tomllib
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results.json"
ACCEPTED = Path(__file__).parent / "accepted.toml"
#: What the page shows of a line around the change.
_AROUND = 24


@dataclass(frozen=True)
class Survivor:
    """A change that no test noticed."""

    file: str
    function: str
    before: str
    after: str
    #: "survived", or "unreached" if no test runs the function in its own process.
    verdict: str = "survived"

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What is the same in the next run; mutmut's numbers may not be."""
        return self.file, self.function, self.before, self.after

    @property
    def brief(self) -> str:
        """The change with a little of the line around it."""
        start = len(os.path.commonprefix([self.before, self.after]))
        while start and re.match(r"\w", self.before[start - 1]):
            start -= 1
        rest = [text[start:][::-1] for text in (self.before, self.after)]
        end = len(os.path.commonprefix(rest))
        while end and re.match(r"\w", rest[0][end - 1]):
            end -= 1
        shown = []
        for text in (self.before, self.after):
            first, last = max(0, start - _AROUND), min(len(text), len(text) - end + _AROUND)
            cut = "…" * bool(first) + text[first:last] + "…" * (last < len(text))
            shown.append(f"`{cut}`".replace("|", "\\|"))
        return " → ".join(shown)


def read_results() -> dict[str, Any]:
    """Return the last result of each area."""
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def survivors(results: dict[str, Any]) -> list[Survivor]:
    """Return the survivors of every area, each once."""
    return list(
        dict.fromkeys(Survivor(**each) for area in results.values() for each in area["survivors"])
    )


def reasons() -> dict[tuple[str, str, str, str], str]:
    """Return why each accepted survivor is accepted."""
    rows = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))["accepted"]
    return {(r["file"], r["function"], r["before"], r["after"]): r["reason"] for r in rows}


def change(path: str, mutant: str, before: list[str], after: list[str]) -> dict[str, str]:
    """Return a mutant as the lines that it replaces; `before` and `after` are whole functions."""
    lines = list(unified_diff(before, after, n=0, lineterm=""))[3:]
    taken = {
        sign: " ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    }
    function = re.sub(r"__mutmut_\d+$", "", mutant)
    name = function.removeprefix("x_") if "ǁ" not in function else function[2:].replace("ǁ", ".")
    return {"file": path, "function": name, "before": taken["-"], "after": taken["+"]}
