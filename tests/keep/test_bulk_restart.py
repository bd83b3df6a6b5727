"""A bulk refresh of thousands while web and worker are killed and come back: each row once."""

import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import pytest
import requests
from flask import Flask
from sqlalchemy import select

from tests import servers
from tests.forms import the_form
from tests.keep.bulk_jobs import counts, events, items
from tests.keep.hands import worker
from tests.keep.world import World
from tests.processes import Process
from tests.views.connections import sign_in
from webapp.database import reading
from webapp.models import BulkJob, User

pytestmark = [
    pytest.mark.usefixtures("each_database"),
    pytest.mark.long,
    pytest.mark.timeout(580),
]

#: As many as calls under way at once: so many answers may be lost with a process that is killed.
MOST_LOST = 320
REFRESH = "/operators/tokens/refresh"
SAID = re.compile(
    r"[\d,]+ of (?P<total>[\d,]+) finished"
    r" · (?P<done>[\d,]+) (?:refreshed|confirmed by TikTok)"
    r" · (?P<failed>[\d,]+) (?:failed|not confirmed)"
    r"(?: · (?P<skipped>[\d,]+) skipped)?"
)


@dataclass
class Room:
    """An operator's browser, and the web and the worker that come and go below it."""

    env: dict[str, str]
    folder: Path
    cookie: str
    url: str = ""
    started: int = 0
    #: The page to which the last press led.
    said: str = ""

    @contextmanager
    def open(self, sign: signal.Signals) -> Iterator[Process]:
        """Let web and worker run; end both with `sign` at the end of the block."""
        folder = self.folder / str(self.started)
        folder.mkdir()
        self.started += 1
        with ExitStack() as stack:
            web = stack.enter_context(servers.gunicorn(self.env, folder, workers=2))
            self.url = web.url
            working = worker(self.env, folder)
            stack.callback(working.kill)
            yield working
            for process in (working, web.process):
                if sign is signal.SIGKILL:
                    process.kill()
                else:
                    assert process.stop(sign) == 0

    @contextmanager
    def browser(self) -> Iterator[requests.Session]:
        """Give a browser in which the operator is signed in."""
        with servers.plain_session() as session:
            session.cookies.set("session", self.cookie, domain="127.0.0.1", path="/")
            yield session

    def get(self, path: str) -> str:
        """Return a page."""
        with self.browser() as browser:
            answer = browser.get(self.url + path, timeout=30)
        assert answer.status_code == 200
        return answer.text

    def order(self, page: str = f"{REFRESH}?all=1", **typed: str) -> str:
        """Press the button of a confirmation page; return the address of the job."""
        return self.press(page, page.partition("?")[0], **typed)

    def press(self, page: str, action: str, **typed: str) -> str:
        """Press the button of a form; return where it leads."""
        with self.browser() as browser:
            asked = browser.get(self.url + page, timeout=30)
            answer = browser.post(
                self.url + action,
                data=the_form(asked.text, action).data(**typed),
                headers={"Origin": self.url},
                allow_redirects=False,
                timeout=30,
            )
            assert answer.status_code == 303
            # What the press says is on the page that it leads to.
            self.said = browser.get(self.url + answer.headers["Location"], timeout=30).text
        return answer.headers["Location"]

    def progress(self, at: str) -> tuple[int, ...]:
        """Return done, total, failed and skipped as the page tells them."""
        found = SAID.search(self.get(at))
        assert found is not None
        names = ("done", "total", "failed", "skipped")
        return tuple(int((found[name] or "0").replace(",", "")) for name in names)

    def wait_for(self, working: Process, at: str, share: float, people: int) -> None:
        """Wait until the page tells that so much is done; it never tells of less than before."""
        before = 0

        def is_there() -> bool | None:
            nonlocal before
            done, total, failed, skipped = self.progress(at)
            now = done + failed + skipped
            assert before <= now <= total <= people
            before = now
            return True if now >= share * people else None

        working.wait_for(is_there, seconds=240)


def operator(app: Flask, world: World, open_id: str) -> str:
    """Make someone an operator; return the cookie of a browser in which they are signed in."""
    world.change(open_id, operator_since=world.clock())
    client = app.test_client()
    sign_in(app, client, world.row(open_id))
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def outcome(world: World) -> dict[tuple[str, int, int], int]:
    """Return how many rows stand how: status, version, refreshes."""
    with reading() as session:
        found = session.execute(select(User.status, User.version, User.refreshes)).all()
    stands = [(status, version, refreshes) for status, version, refreshes in found]
    return {each: stands.count(each) for each in set(stands)}


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL], ids=["SIGTERM", "SIGKILL"])
@pytest.mark.rule(33)
def test_a_bulk_refresh_survives_restarts_of_web_and_worker(
    world: World,
    app: Flask,
    env: dict[str, str],
    tmp_path: Path,
    each_database: str,
    sign: signal.Signals,
) -> None:
    # The whole ten thousand once; a kill has more to be told of, and takes three times as long.
    people = 10_000 if (each_database, sign) == ("sqlite", signal.SIGTERM) else 1_500
    room = Room(env, tmp_path, operator(app, world, world.people(people)[0]))
    world.sandbox.latency(0.2, "token")
    at = ""
    for share in (0.2, 0.5):
        with room.open(sign) as working:
            at = at or room.order()
            room.wait_for(working, at, share, people)
    with room.open(signal.SIGTERM) as working:
        room.wait_for(working, at, 1.0, people)
        working.wait_for(lambda: job(at).ended_at is not None or None, seconds=30)
        done, total, failed, skipped = room.progress(at)
        lost = settled(world) if failed else 0
    assert (done + failed, total, skipped) == (people, people, 0)
    assert counts(job(at).id) == (people, done, failed, 0)
    if sign is signal.SIGTERM:
        assert failed == 0
    # What was under way in a process that was killed is told as failed: TikTok's answer is lost.
    assert failed == lost <= 2 * MOST_LOST
    calls = world.sandbox.counters()["calls"]["token.refresh_token"]
    assert calls.pop("ok") == people, "each was refreshed once, no matter who saw the answer"
    assert sum(calls.values()) == world.sandbox.counters()["spent_refresh_tokens_seen"]
    assert outcome(world).get(("active", 2, 1), 0) == done
    assert {state for state, _code in items(job(at).id)} <= {"done", "failed"}
    assert [name for name, _fields in events()] == ["bulk.ordered", "bulk.ended"]
    world.assert_in_step(spent=sum(calls.values()), living=done)


def job(at: str) -> BulkJob:
    with reading() as session:
        return session.get_one(BulkJob, at.rpartition("/")[2])


def settled(world: World) -> int:
    """Wait until nobody fails any more; return how many must connect again."""
    ends = monotonic() + 200
    while (stands := outcome(world)) and any(status == "failing" for status, _v, _r in stands):
        assert monotonic() < ends, stands
        sleep(1)
    return sum(count for (status, _v, _r), count in stands.items() if status == "reconnect")
