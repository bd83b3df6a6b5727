"""One line of `flask doctor` and one row of the setup page; examines nothing itself."""

from dataclasses import dataclass
from typing import Literal

from webapp.problems import Problem

Verdict = Literal["ok", "warn", "FAIL"]
Group = Literal["configuration", "tiktok", "running"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was looked at and what was found; `fix` is empty when all is well."""

    verdict: Verdict
    name: str
    cause: str
    fix: str = ""
    group: Group = "configuration"
    #: False: nothing is known against it, and nothing proves it yet.
    known: bool = True


def check_of(name: str, found: Problem | None, well: str, group: Group) -> Check:
    """Return the check of something that is well unless `found` says otherwise."""
    if found is None:
        return Check("ok", name, well, group=group)
    return Check("FAIL", name, found.cause, found.fix, group)


def not_asked(name: str, cause: str, fix: str, group: Group = "tiktok") -> Check:
    """Return the check of something that only time or another look can tell."""
    return Check("ok", name, cause, fix, group, known=False)
