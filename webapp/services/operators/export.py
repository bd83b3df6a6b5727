"""Exports the filtered list as CSV or JSON, in pieces and without tokens.

Neither memory nor a transaction grows with the list. No cell can become a spreadsheet formula.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Literal

from webapp.database import writing
from webapp.services import authority
from webapp.services.operators import list_pages, list_query
from webapp.services.operators.list_query import Query
from webapp.services.records import audit
from webapp.services.runtime import Runtime

Format = Literal["csv", "json"]

#: How formulas begin in spreadsheets (OWASP, CSV injection).
_FORMULA = tuple("=+-@\t\r")
#: Minimum length of a piece in characters.
_PIECE_LENGTH = 32_768
COLUMNS = (
    *("ticket", "open_id", "display_name", "username", "status", "reason", "expires"),
    *("reconnect_by", "scopes", "asked", "refreshes", "refreshed_at", "last_used_at", "next_at"),
    *("failures", "failing_since", "last_error", "connected_at"),
)


def record_export(query: Query, kind: Format, now: datetime) -> None:
    """Record the export, before the first row is returned.

    Raises NoLongerAllowed, SignInTooOld.
    """
    with writing() as session:
        authority.require_fresh(session, now)
        shown = list_query.for_audit(list_query.query_string(query))
        audit.record(session, now, "connections.exported", format=kind, query=shown)


def pieces(runtime: Runtime, query: Query, kind: Format, now: datetime) -> Iterator[str]:
    """Yield the text of all rows of a query, in the order in which they first connected.

    Raises NoLongerAllowed between two pieces.
    """
    rows = (_exported(row) for row in list_pages.each_row(runtime, query, now))
    return authority.while_allowed(_joined(_csv(rows) if kind == "csv" else _json(rows)))


def csv_line(cells: Iterable[object]) -> str:
    """Return one line. None is an empty cell; a cell that looks like a formula begins with '."""
    text = io.StringIO()
    csv.writer(text).writerow(map(_csv_cell, cells))
    return text.getvalue()


def _csv_cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _exported(row: list_pages.Row) -> dict[str, Any]:
    user = row.user
    return {
        "ticket": user.ticket,
        "open_id": user.open_id,
        "display_name": user.display_name,
        "username": user.username,
        "status": row.state.value,
        "reason": user.reason,
        "expires": _time(user.access_expires_at),
        "reconnect_by": _time(user.refresh_expires_at),
        "scopes": sorted(user.granted),
        "asked": sorted(user.asked),
        "refreshes": user.refreshes,
        "refreshed_at": _time(user.refreshed_at),
        "last_used_at": _time(user.last_used_at),
        "next_at": _time(user.next_at),
        "failures": user.failures,
        "failing_since": _time(user.failing_since),
        "last_error": user.last_error,
        "connected_at": _time(user.connected_at),
    }


def _csv(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield csv_line(COLUMNS)
    for row in rows:
        yield csv_line(_cell(value) for value in row.values())


def _json(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    before = "["
    for row in rows:
        yield f"{before}\n{json.dumps(row, ensure_ascii=False)}"
        before = ","
    yield "\n]\n" if before == "," else "[]\n"


def _cell(value: Any) -> Any:
    return " ".join(value) if isinstance(value, (list, tuple)) else value


def _joined(texts: Iterable[str]) -> Iterator[str]:
    """Join short texts into longer pieces."""
    parts: list[str] = []
    length = 0
    for text in texts:
        parts.append(text)
        length += len(text)
        if length >= _PIECE_LENGTH:
            yield "".join(parts)
            parts, length = [], 0
    yield "".join(parts)


def _time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
