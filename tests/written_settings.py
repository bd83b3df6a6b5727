"""The settings as `.env.example` and the README tell them, to be held against the code."""

import re
from dataclasses import dataclass

from tests.processes import ROOT
from webapp.settings import Settings

COMMAND = "python -m tests.written_settings"


@dataclass(frozen=True)
class Told:
    """One setting as a reader meets it: default as text, None where it must be filled in."""

    default: str | None
    meaning: str


def in_code() -> dict[str, str | None]:
    """Return every variable with the text that would set its default; None: required."""
    return {
        name.upper(): None if field.is_required() else _text(field.get_default())
        for name, field in Settings.model_fields.items()
    }


def in_example() -> dict[str, Told]:
    """Return what `.env.example` says; a line without `#` is to be filled in."""
    told: dict[str, Told] = {}
    meaning = ""
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"(# )?([A-Z][A-Z_]+)=(.*)", line)
        if found:
            commented, name, text = found.groups()
            told[name] = Told(text if commented else None, meaning)
        meaning = line.removeprefix("# ") if line.startswith("# ") and not found else ""
    return told


def in_readme() -> dict[str, Told]:
    """Return what the README's table says."""
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (.*?) \| (.+?) \|$",
        (ROOT / "README.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return {name: Told(_of_cell(cell), meaning) for name, cell, meaning in rows}


def readme_table() -> str:
    """Return the README's table, made from `.env.example`."""
    rows = [
        f"| `{name}` | {_cell(told.default)} | {told.meaning} |"
        for name, told in in_example().items()
    ]
    return "\n".join(["| name | default | meaning |", "|---|---|---|", *rows])


def _cell(default: str | None) -> str:
    if default is None:
        return "required"
    return f"`{default}`" if default else "none"


def _of_cell(cell: str) -> str | None:
    return {"required": None, "none": ""}.get(cell, cell.strip("`"))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)


if __name__ == "__main__":
    print(readme_table())  # noqa: T201  # the table is this command's whole output
