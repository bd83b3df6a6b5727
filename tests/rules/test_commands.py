"""The table of commands in docs/operate.md names every command there is, and no other."""

import re
from collections.abc import Iterator

import click

from tests.processes import ROOT
from webapp import cli

TABLE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8").split("## All commands")[1]
#: Commands that do not come from webapp.cli.
OTHERS = ("flask db", "flask demo")


def leaves(command: click.Command, words: str) -> Iterator[str]:
    """Yield every command below this one, as one types it."""
    if isinstance(command, cli.LazyCommand):
        yield from leaves(command.load(), words)
    elif isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from leaves(each, f"{words} {name}")
    else:
        yield words


def in_code() -> set[str]:
    """Return every command of webapp.cli."""
    return {
        words
        for words in leaves(cli.unconfigured_app([]).cli, "flask")
        if not words.startswith(OTHERS)
    }


def in_docs() -> set[str]:
    """Return every command of the table, without arguments and options."""
    found = re.findall(r"`(flask [a-z]+(?: [a-z]+)?)[^`]*`", TABLE)
    return {words for words in found if not words.startswith(OTHERS)}


def test_the_table_names_every_command_and_no_other() -> None:
    assert in_docs() == in_code()
