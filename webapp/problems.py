"""What is wrong and how to fix it, in words: of a setting, a check or a refused action."""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that an operator should know; it never contains the value of a setting."""

    #: The setting or the part that it is about.
    name: str
    #: What is wrong, to be read after the name.
    cause: str
    #: What to do: a command, a line of the settings or a sentence.
    fix: str
    #: True: `fix` is the same in every installation, so anyone may read it.
    public: bool = field(default=False, compare=False, kw_only=True)


def listed(problems: Iterable[Problem]) -> str:
    """Return the problems as text for a terminal, two lines each."""
    return "\n".join(f"  {each.name} – {each.cause}\n      fix: {each.fix}" for each in problems)
