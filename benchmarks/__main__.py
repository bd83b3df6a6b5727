"""Measures Coatcheck, each topic beside something to compare it with, and prints tables.

Needs only requirements-dev.txt. Starts everything on this machine, in temporary folders. Tables go
to stdout as Markdown, progress goes to stderr.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from benchmarks import memory, start
from benchmarks.operators import operator_pages
from benchmarks.output import machine, markdown, progress
from benchmarks.pages import all_pages, handing_out
from benchmarks.part import NothingChosen, Options, Part, Size, Table
from benchmarks.refreshing import claiming, refreshes
from benchmarks.signing_in import sign_ins
from benchmarks.stage import server

_TOPICS = (sign_ins, all_pages, handing_out, refreshes, claiming, operator_pages, memory, start)
PARTS: dict[str, Part] = {topic.PART.name: topic.PART for topic in _TOPICS}


def main(words: Sequence[str] | None = None) -> None:
    """Measure what was asked for and print it."""
    asked = _asked(words)
    if asked.list:
        sys.stdout.write("".join(f"{part.name:10} {part.about}\n" for part in PARTS.values()))
        return
    names = asked.names or list(PARTS)
    with server(asked.database, own=asked.postgres) as postgres:
        tables = _measured(names, Options(Size(asked.size), postgres, asked.only))
        if asked.json:
            sys.stdout.write(json.dumps([asdict(each) for each in tables], indent=1) + "\n")
            return
        sys.stdout.write(machine(postgres))
        for each in tables:
            sys.stdout.write(markdown(each))
            sys.stdout.flush()


def _asked(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(PARTS)}; default all"
    )
    parser.add_argument("--list", action="store_true", help="list the names and exit")
    parser.add_argument("--json", action="store_true", help="print JSON instead of Markdown")
    size = parser.add_mutually_exclusive_group()
    size.add_argument(
        "--size", choices=list(Size), default=Size.FULL, help="tiny shows only that it works"
    )
    size.add_argument(
        "--quick",
        action="store_const",
        const=Size.QUICK,
        dest="size",
        help="all of it in two minutes on two idle cores",
    )
    parser.add_argument("--only", default="", help="only rows whose name contains this text")
    parser.add_argument("--database", help="PostgreSQL URL of a user who may create databases")
    parser.add_argument(
        "--postgres", action="store_true", help="also PostgreSQL, on a temporary server"
    )
    asked = parser.parse_args(words)
    if unknown := [name for name in asked.names if name not in PARTS]:
        parser.error(f"unknown: {', '.join(unknown)}; choose from {', '.join(PARTS)}")
    return asked


def _measured(names: Sequence[str], options: Options) -> Iterator[Table]:
    for name in names:
        before = os.getloadavg()[0]
        progress(f"{name} …")
        try:
            for each in PARTS[name].run(options):
                load = f"Load average {before:.1f} before, {os.getloadavg()[0]:.1f} after"
                each.notes.append(f"{load}, on {os.cpu_count()} cores.")
                yield each
        except NothingChosen:
            progress(f"{name} has no row called {options.only!r}")


if __name__ == "__main__":
    main()
