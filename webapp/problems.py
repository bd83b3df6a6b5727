"""A problem and its fix, in words: of a setting, a check or an act that was refused."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong or that an operator should know; never the value of a setting.

    `name` is the setting or the part it is about, `cause` says what is wrong, `fix` what to do.
    """

    name: str
    cause: str
    fix: str


def listed(problems: Iterable[Problem]) -> str:
    """Return the problems as text for a terminal, two lines each."""
    return "\n".join(f"  {each.name} – {each.cause}\n      fix: {each.fix}" for each in problems)
