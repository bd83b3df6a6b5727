"""One check of an installation: a line of `flask doctor` and a row of the setup page."""

from dataclasses import asdict, dataclass, field
from typing import Literal

from webapp.problems import Problem

Verdict = Literal["ok", "warn", "FAIL"]
Group = Literal["configuration", "tiktok", "running"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was checked and what was found."""

    verdict: Verdict
    name: str
    #: What was found, to be read after the name.
    cause: str
    #: What to do; empty if there is nothing to do.
    fix: str = ""
    group: Group = "configuration"
    #: False: no fault was found, but nothing proves that all is well.
    known: bool = True
    #: True: `fix` is the same in every installation, so anyone may read it on the setup page
    #: before there is an operator. It must not contain a value.
    public: bool = field(default=False, kw_only=True)

    def for_scripts(self) -> dict[str, object]:
        """Return what `--json` prints."""
        return {name: value for name, value in asdict(self).items() if name != "public"}


def check_of(name: str, problem: Problem | None, well: str, group: Group) -> Check:
    """Return a failed check of this problem; without one, a passed check with the cause `well`."""
    if problem is None:
        return Check("ok", name, well, group=group)
    return from_problem("FAIL", problem, group, name=name)


def from_problem(
    verdict: Verdict, problem: Problem, group: Group = "configuration", *, name: str = ""
) -> Check:
    """Return a problem as a check, under its own name unless another is given."""
    fix, public = problem.fix, problem.public
    return Check(verdict, name or problem.name, problem.cause, fix, group, public=public)


def unknown(
    name: str, cause: str, fix: str, group: Group = "tiktok", *, public: bool = False
) -> Check:
    """Return a check whose result is not known yet."""
    return Check("ok", name, cause, fix, group, known=False, public=public)
