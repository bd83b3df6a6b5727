"""Writes the section about mutation testing in docs/security.md, from the stored results."""

from typing import Any

from tests.mutants.areas import AREAS
from tests.mutants.results import Survivor, read_results, reasons, survivors

_ABOUT = """
## Mutation testing

Mutation testing changes one expression of the code and checks that a test fails. `make mutants`
does this for the code that keeps tokens. mutmut makes every change it knows; in each area, a fixed
seed draws a sample. For each change, the quick tests run that reach it in their own process, those
first that reach little else, until one fails or they have used the CPU time of the sixth column.
What is logged and the texts of errors aren't changed; decorated functions and constants aren't
either, because mutmut can't. A change that survived the run counts as noticed if a test notices it
now, which was checked by making the change by hand.

| Area | Code | Date | Seed | Possible changes | CPU time | Tried | Noticed | Survived | Score |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
_BY_HAND = """
These changes, some of them made by hand, survived once; each now makes a quick test fail:

| Change | Test |
| --- | --- |
| A mass rejection also holds back rows whose refresh was interrupted | [keep/test_mass_rejection.py](../tests/keep/test_mass_rejection.py) |
| Taking over a dead process's claim doesn't mark the refresh as interrupted | [keep/test_leases.py](../tests/keep/test_leases.py) |
| The commit of a refresh doesn't wait for the disk | [keep/test_committer.py](../tests/keep/test_committer.py) |
| A rejected version that was never handed out counts | [api/test_rejected.py](../tests/api/test_rejected.py) |
| An answer without the end of the grant loses the known one for the schedule | [keep/test_idle.py](../tests/keep/test_idle.py) |
| The ID of an encryption key is derived in another way, so stored tokens don't open after an upgrade | [test_crypto.py](../tests/test_crypto.py) |
| A sign-in stores when it was stored in place of when its exchange was sent | [contract/test_simultaneous_exchanges.py](../tests/contract/test_simultaneous_exchanges.py) |
| A sign-in that isn't kept notifies that the connection is back | [notices/test_events.py](../tests/notices/test_events.py) |
| A deletion replaces the highest version by a lower one | [keep/test_crossing.py](../tests/keep/test_crossing.py) |
| The repair after a wrong clock lacks one of its conditions | [keep/test_clock_repair.py](../tests/keep/test_clock_repair.py) |
| A wrong clock, or its repair, notifies nobody | [notices/test_clock.py](../tests/notices/test_clock.py) |
| A disconnect doesn't say when the worker takes over if its process dies | [services/test_disconnect_outcomes.py](../tests/services/test_disconnect_outcomes.py) |
| A disconnect that a new connection overtook is reported as done | [services/test_disconnect_outcomes.py](../tests/services/test_disconnect_outcomes.py) |
| A key that is revoked, or a person who is deleted, while the use is recorded changes nothing | [api/test_lost_keys.py](../tests/api/test_lost_keys.py) |
| On PostgreSQL, a hand-out leaves its connection without transactions for the next user | [api/test_prepared_read.py](../tests/api/test_prepared_read.py) |
| A sign-in on one device too many fails, or signs out the wrong device | [services/test_sessions.py](../tests/services/test_sessions.py) |
| The generation of the database is incremented with every group of answers | [keep/test_committer.py](../tests/keep/test_committer.py) |
| An idle connection to TikTok stays open while a newer one is in use | [tiktok/test_pool.py](../tests/tiktok/test_pool.py) |
"""  # noqa: E501  rows of a table
_SURVIVORS = """
### Survivors

| Where | Change | Why no test is needed |
| --- | --- | --- |
"""


def score_section(
    results: dict[str, Any] | None = None,
    accepted: dict[tuple[str, str, str, str], str] | None = None,
) -> str:
    """Return the section; by default of the stored results."""
    results = read_results() if results is None else results
    accepted = reasons() if accepted is None else accepted
    rows = [_row(name, area) for name, area in results.items()]
    found = survivors(results)
    known = [_survivor(each, accepted[each.key]) for each in found if each.key in accepted]
    unknown = [_survivor(each, "Not judged yet") for each in found if each.key not in accepted]
    listed = [_SURVIVORS, *known, *unknown] if found else []
    return "".join([_ABOUT, *rows, _BY_HAND, *listed])


def _row(name: str, area: dict[str, Any]) -> str:
    noticed = area["killed"] + area["timeout"]
    code = ", ".join(f"`{each}`" for each in AREAS[name].sources)
    cells = [name, code, area["date"], area["seed"], area["mutants"], f"{area['seconds']:.0f} s"]
    cells += [area["tried"], noticed, area["tried"] - noticed, f"{noticed / area['tried']:.0%}"]
    return f"| {' | '.join(map(str, cells))} |\n"


def _survivor(each: Survivor, reason: str) -> str:
    file = each.file.removeprefix("webapp/")
    return f"| `{file}` `{each.function}` | {each.brief} | {reason} |\n"
