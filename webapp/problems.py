"""What is wrong with a setting, in words; never the value of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from webapp.settings.values import Settings


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps the app from starting, or that one should know.

    `name` is the variable, `cause` says what is wrong, `mend` is the line that mends it.
    """

    name: str
    cause: str
    mend: str


class SettingsRefused(Exception):
    """The settings do not allow a start; `problems` holds every reason at once.

    `rest` are the settings with stand-ins for what is wrong: for finding more, never for starting.
    """

    def __init__(self, problems: Iterable[Problem], rest: Settings) -> None:
        self.problems = tuple(problems)
        self.rest = rest
        super().__init__(listed(self.problems))


def listed(problems: Iterable[Problem]) -> str:
    """Return the problems as text for a terminal, two lines each."""
    return "\n".join(f"  {each.name} – {each.cause}\n      mend: {each.mend}" for each in problems)


def refuse(cause: str, mend: str) -> NoReturn:
    """Raise what pydantic collects with the name of the field, to become a `Problem`."""
    raise PydanticCustomError("refused", "{cause}", {"cause": cause, "mend": mend})
