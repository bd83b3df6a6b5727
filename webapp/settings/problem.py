"""What is wrong with a setting, in words; never the value of one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from pydantic_core import PydanticCustomError


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps the app from starting, or that one should know.

    `name` is the variable, `cause` follows it in a sentence, `mend` is the line that mends it.
    """

    name: str
    cause: str
    mend: str


class SettingsRefused(Exception):
    """The settings do not allow a start; `problems` holds every reason at once."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(listed(self.problems))


def listed(problems: Iterable[Problem]) -> str:
    """Return the problems as text for a terminal, two lines each."""
    return "\n".join(f"  {each.name} {each.cause}\n      mend: {each.mend}" for each in problems)


def refuse(cause: str, mend: str) -> NoReturn:
    """Raise what pydantic collects with the name of the field, to become a `Problem`."""
    raise PydanticCustomError("refused", "{cause}", {"cause": cause, "mend": mend})
