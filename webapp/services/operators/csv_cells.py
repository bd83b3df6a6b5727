"""Writes lines of CSV that no spreadsheet takes for a formula; knows nothing of what is in them."""

import csv
import io
from collections.abc import Iterable

#: What a spreadsheet begins a formula with (OWASP, CSV injection).
_FORMULA = tuple("=+-@\t\r")


def line(cells: Iterable[object]) -> str:
    """Return one line; None is an empty cell, and what looks like a formula begins with \'."""
    text = io.StringIO()
    csv.writer(text).writerow(map(_cell, cells))
    return text.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
