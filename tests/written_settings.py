"""The settings as `.env.example` and docs/settings.md describe them, to compare with the code."""

import re
from dataclasses import dataclass

from tests.processes import ROOT
from webapp.settings import Settings


@dataclass(frozen=True)
class Told:
    """One setting as a reader meets it: default as text, None where it must be filled in."""

    default: str | None
    meaning: str


@dataclass(frozen=True)
class Row:
    """One row of a table in docs/settings.md."""

    kind: str
    told: Told
    #: Empty for a secret.
    example: str


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


def in_docs() -> dict[str, Row]:
    """Return what the tables of docs/settings.md say."""
    rows = re.findall(
        r"^\| `([A-Z_]+)` \| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$",
        (ROOT / "docs" / "settings.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    return {
        name: Row(kind, Told(_of_cell(default), meaning), "" if example == "–" else example[1:-1])
        for name, kind, default, meaning, example in rows
    }


def _of_cell(cell: str) -> str | None:
    return {"required": None, "none": ""}.get(cell, cell.strip("`"))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value)
