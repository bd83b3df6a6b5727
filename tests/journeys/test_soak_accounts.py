"""Five minutes of people who delete and come back in loops, while newcomers connect all the time.

Nobody may end in another's account: no session, no name, no deletion that was not asked for.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest
import requests

from tests.forms import the_form
from tests.journeys.http_browser import HttpBrowser
from tests.journeys.sites import Site, site
from tests.servers import Sandbox
from tests.walk import begin, come_back, consent

pytestmark = [pytest.mark.long, pytest.mark.timeout(500)]

SECONDS = 300
LOOPING = ("jo", "soren", "aiko")
NEWCOMER_EVERY = 0.5


@dataclass
class Soak:
    """What runs, and what was seen."""

    here: Site
    sandbox: Sandbox
    over: Event = field(default_factory=Event)
    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    newcomers: list[str] = field(default_factory=list)

    def note(self, what: str, answer: requests.Response) -> requests.Response:
        """Count an answer; one of the server's own faults is wrong."""
        self.seen[f"{what} {answer.status_code}"] += 1
        if answer.status_code >= 500:
            self.wrong.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        return answer

    def is_own(self, browser: HttpBrowser, open_id: str) -> bool:
        """Return True if this browser is signed in; what it sees must be its person's own."""
        answer = self.note("export", browser.get("/account/export"))
        if answer.status_code != 200:
            return False
        found = answer.json()["open_id"]
        if found != open_id:
            self.wrong.append(f"a browser of {open_id} is in the account of {found}")
        return True


def connects(soak: Soak, browser: HttpBrowser, person: str) -> requests.Response:
    return soak.note("connect", come_back(browser, consent(begin(browser), person)))


def presses(soak: Soak, browser: HttpBrowser, path: str, **fields: str) -> None:
    form = the_form(browser.get("/terms").text, "/theme")
    data = {"csrf_token": form.data()["csrf_token"]} | fields
    soak.note(path, browser.post(path, data=data))


def deletes(soak: Soak, browser: HttpBrowser) -> None:
    answer = browser.get("/account/export")
    if answer.status_code == 200:
        presses(soak, browser, "/account/delete", ticket=answer.json()["ticket"])


def loops(soak: Soak, person: str) -> None:
    """Connect and delete in one browser, while the other browser of this person does the same."""
    browser, open_id = HttpBrowser(soak.here.url), soak.sandbox.open_id(person)
    while not soak.over.is_set():
        if not soak.is_own(browser, open_id):
            connects(soak, browser, person)
            soak.is_own(browser, open_id)
        match random.random():
            case dice if dice < 0.6:
                deletes(soak, browser)
            case dice if dice < 0.75:
                presses(soak, browser, "/account/disconnect")
            case dice if dice < 0.85:
                presses(soak, browser, "/sign-out/everywhere")
            case _:
                presses(soak, browser, "/account/refresh")


def newcomers(soak: Soak) -> None:
    """Connect someone who was never here, every half second; each stays."""
    for number in range(10_000):
        if soak.over.is_set():
            return
        began = time.monotonic()
        name = f"newcomer{number:04}"
        soak.sandbox.control("people", name=name, display_name=f"Newcomer {number:04}")
        browser, open_id = HttpBrowser(soak.here.url), soak.sandbox.open_id(name)
        connects(soak, browser, name)
        if not soak.is_own(browser, open_id):
            soak.wrong.append(f"{name} connected and is not signed in")
        soak.newcomers.append(open_id)
        soak.over.wait(max(0.0, NEWCOMER_EVERY - (time.monotonic() - began)))


@pytest.fixture
def soak(sandbox: Sandbox, migrated: str, tmp_path: Path) -> Iterator[Soak]:
    with site(sandbox, migrated, tmp_path, workers=2, LOG_LEVEL="INFO") as here:
        yield Soak(here, sandbox)


def test_nobody_ends_in_another_persons_account(soak: Soak) -> None:
    soak.sandbox.latency(0.2)
    # A third of the profile calls come some 300 ms later.
    soak.sandbox.faults("user_info", "slow", rate=0.33, interval=0.001)
    with ThreadPoolExecutor(7) as pool:
        running = [pool.submit(loops, soak, person) for person in LOOPING for _browser in range(2)]
        running.append(pool.submit(newcomers, soak))
        soak.over.wait(SECONDS)
        soak.over.set()
        for each in running:
            each.result(60)
    assert not soak.wrong, f"{len(soak.wrong)} wrong, for example {soak.wrong[:3]}; {soak.seen}"
    assert_newcomers_are_whole(soak)
    # It went on all the time, or it proves nothing.
    assert soak.seen["/account/delete 303"] > SECONDS / 3, soak.seen
    assert len(soak.newcomers) > SECONDS / 3, soak.seen


def assert_newcomers_are_whole(soak: Soak) -> None:
    rows = {row["open_id"]: row for row in soak.here.rows()}
    names = {person["open_id"]: person["display_name"] for person in soak.sandbox.people()}
    sessions = Counter(row["user_id"] for row in soak.here.rows("browser_sessions"))
    events = Counter((e["ticket"], e["event"]) for e in soak.here.rows("audit_events"))
    for open_id in soak.newcomers:
        row = rows[open_id]
        assert row["status"] == "active"
        assert sessions[row["id"]] == 1
        told = {
            event: count for (ticket, event), count in events.items() if ticket == row["ticket"]
        }
        assert told == {"connection.connected": 1, "account.exported": 1}
    for open_id, row in rows.items():
        assert row["display_name"] in (names[open_id], None)
