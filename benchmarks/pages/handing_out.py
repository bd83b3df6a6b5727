"""Measures tokens handed out per second through gunicorn, compared with a bare Flask route.

The rate limit (6,000 requests a minute per key) is measured off and on; when it is on, enough keys
are used that no request is refused.
"""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from benchmarks import people
from benchmarks.pages.load import BARE, BARE_PATH, HEAD, Target, measure, rows, serving, spread
from benchmarks.part import Options, Part, Size, Table, interleaved
from benchmarks.stage import Stage, stage
from webapp.services.handout import service_keys

_KEYS = 64
_PEOPLE = {Size.TINY: 50, Size.QUICK: 2_000, Size.FULL: 10_000}
_ROUNDS = {Size.TINY: 1, Size.QUICK: 1, Size.FULL: 7}
_SECONDS = {Size.TINY: 0.2, Size.QUICK: 1.0, Size.FULL: 3.0}
_CONNECTIONS = {Size.TINY: (2,), Size.QUICK: (8,), Size.FULL: (1, 8)}


def _run(asked: Options) -> Iterator[Table]:
    with ExitStack() as stack:
        targets: list[Target] = []
        for name, postgres in asked.databases:
            here = stack.enter_context(stage(postgres))
            paths, headers = _fill(here, _PEOPLE[asked.size])
            if not targets:
                bare = stack.enter_context(serving(here, "benchmarks.pages.bare:app"))
                targets.append(Target(0, BARE, bare, [BARE_PATH]))
            for limits, words in ((False, "no limit"), (True, "limit on")):
                server = stack.enter_context(serving(here, limits=limits))
                targets.append(Target(0, f"token, {name}, {words}", server, paths, headers))
        cells = [
            replace(target, connections=connections)
            for connections in _CONNECTIONS[asked.size]
            for target in targets
            if target.name == BARE or asked.only in target.name
        ]
        seconds = _SECONDS[asked.size]
        for target in cells:
            measure(target, min(seconds, 0.5))
        rounds = _ROUNDS[asked.size]
        found = interleaved(cells, rounds, lambda target: measure(target, seconds))
    yield Table("Tokens handed out per second", HEAD, rows(found), [spread(found)])


def _fill(here: Stage, number: int) -> tuple[list[str], list[str]]:
    """Add people, and return the paths and headers with which their tokens are requested."""
    now = here.runtime.clock()
    keys = [service_keys.issue(f"benchmark {each}", now) for each in range(_KEYS)]
    open_ids = people.add(here.runtime, range(number), due=False)
    random.shuffle(open_ids)
    # The usual case: each service used each token within the hour, so no use is recorded.
    people.use(here.runtime, open_ids, keys)
    return [f"/api/v1/tokens/{each}" for each in open_ids], [
        f"Authorization: Bearer {key}" for key in keys
    ]


PART = Part("hand-out", "tokens handed out per second, beside a bare Flask route", _run)
