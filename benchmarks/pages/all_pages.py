"""Measures every page through gunicorn, compared with a bare Flask route.

People have recorded sessions in a database of 1,000 fake people with one audit event each.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from benchmarks import people
from benchmarks.operators.site import fill, sign_in, sign_in_operator
from benchmarks.pages.load import BARE, BARE_PATH, HEAD, Target, measure, rows, serving, spread
from benchmarks.part import Options, Part, Size, Table, interleaved
from benchmarks.stage import Stage, stage
from webapp.services.operators import counts

_PEOPLE = {Size.TINY: 100, Size.QUICK: 1_000, Size.FULL: 1_000}
_ROUNDS = {Size.TINY: 1, Size.QUICK: 1, Size.FULL: 5}
_SECONDS = {Size.TINY: 0.2, Size.QUICK: 0.7, Size.FULL: 2.0}
_CONNECTIONS = 8
#: The bare route is measured again after so many pages, so that each has one close by.
_PAGES_A_BASE = 4


@dataclass(frozen=True)
class _Page:
    """One page: who opens it (nobody who is signed in, a person, an operator), and where it is."""

    who: str
    path: str
    #: Left out of a quick run.
    minor: bool = False

    def __str__(self) -> str:
        """Return how the table calls it."""
        return f"{self.path} ({self.who})"


_PAGES = (
    _Page("visitor", "/"),
    _Page("visitor", "/connect"),
    _Page("visitor", "/privacy", minor=True),
    _Page("visitor", "/api/docs", minor=True),
    _Page("visitor", "/healthz"),
    _Page("visitor", "/readyz", minor=True),
    _Page("person", "/connect", minor=True),
    _Page("person", "/connected"),
    _Page("person", "/account"),
    _Page("person", "/account/activity", minor=True),
    _Page("operator", "/operators/tokens"),
    _Page("operator", "/operators/audit"),
    _Page("operator", "/operators/health"),
    _Page("operator", "/operators/bulk", minor=True),
    _Page("operator", "/operators/keys", minor=True),
    _Page("operator", "/operators/setup", minor=True),
)


def _run(asked: Options) -> Iterator[Table]:
    seconds = _SECONDS[asked.size]
    with ExitStack() as stack:
        targets: list[Target] = []
        for name, postgres in asked.databases:
            here = stack.enter_context(stage(postgres))
            headers = _fill(here, _PEOPLE[asked.size])
            bare = stack.enter_context(serving(here, "benchmarks.pages.bare:app"))
            server = stack.enter_context(serving(here))
            for number, page in enumerate(_pages(asked, name)):
                if number % _PAGES_A_BASE == 0:
                    targets.append(Target(_CONNECTIONS, BARE, bare, [BARE_PATH]))
                called, header = f"{page}, {name}", [headers[page.who]]
                targets.append(Target(_CONNECTIONS, called, server, [page.path], header))
        for target in targets:
            measure(target, min(seconds, 0.3))
        found = interleaved(targets, _ROUNDS[asked.size], lambda target: measure(target, seconds))
    yield Table("Pages", HEAD, rows(found), [spread(found)])


def _pages(asked: Options, database: str) -> list[_Page]:
    wanted = [page for page in _PAGES if not (page.minor and asked.size is Size.QUICK)]
    return [page for page in wanted if asked.only in f"{page}, {database}"]


def _fill(here: Stage, number: int) -> dict[str, str]:
    """Add people, and return the header line of each kind of caller."""
    fill(here, number)
    counts.recount(here.runtime)
    (person,) = people.add(here.runtime, range(1), due=False)
    return {
        "visitor": "Accept: */*",
        "person": f"Cookie: session={sign_in(here, person, operator=False)}",
        "operator": f"Cookie: session={sign_in_operator(here)}",
    }


PART = Part("pages", "every page, beside a bare Flask route", _run)
