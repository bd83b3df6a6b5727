"""Output of the benchmarks: progress on stderr, and tables as Markdown."""

import os
import platform
import sqlite3
import sys
from typing import TYPE_CHECKING

from sqlalchemy import create_engine

from tests.databases import Postgres

if TYPE_CHECKING:
    from benchmarks.part import Table


def progress(message: str) -> None:
    """Write a progress message to stderr."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()


def machine(postgres: Postgres | None) -> str:
    """Return a sentence that says what the figures were measured with."""
    words = [f"Python {platform.python_version()}", f"SQLite {sqlite3.sqlite_version}"]
    if postgres is not None:
        with create_engine(postgres.admin).connect() as connection:
            version = connection.exec_driver_sql("SHOW server_version").scalar_one()
        words.append(f"PostgreSQL {str(version).split()[0]}")
    return f"Measured with {', '.join(words)}, on a machine with {os.cpu_count()} cores.\n\n"


def markdown(table: "Table") -> str:
    """Return a section of docs/performance.md. All columns except the first are numbers."""
    lines = [
        list(table.head),
        ["---", *["---:"] * (len(table.head) - 1)],
        *map(list, table.rows),
    ]
    body = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    notes = "".join(f"{note}\n" for note in table.notes)
    return f"### {table.title}\n\n{body}\n{notes}\n"
