"""What the page of a bulk job says, what TikTok was asked, and what is stored: the same numbers."""

import re
from pathlib import Path
from signal import SIGTERM
from time import sleep

import pytest
from flask import Flask

from tests.keep.test_bulk_restart import REFRESH, SAID, Room, job, operator
from tests.keep.world import World
from tests.processes import Process
from tests.services.holding import rows
from tests.views.reading import Reading

pytestmark = [pytest.mark.usefixtures("each_database"), pytest.mark.long, pytest.mark.timeout(180)]

DISCONNECT = "/operators/tokens/disconnect"
RATE = 6
#: So many that a job on all of them takes longer than the slowest requests up to its Stop: five of
#: at most thirty seconds each.
MANY = RATE * 5 * 30


@pytest.fixture
def people() -> int:
    """Return how many people are connected."""
    return 30


@pytest.fixture
def room(world: World, app: Flask, env: dict[str, str], tmp_path: Path, people: int) -> Room:
    """An operator's browser; the operator is one of those who are connected."""
    cookie = operator(app, world, world.people(people)[0])
    return Room(env | {"REFRESH_RATE": str(RATE)}, tmp_path, cookie)


def end_of(working: Process, room: Room, at: str) -> Reading:
    """Wait until a job has ended; return its page."""
    working.wait_for(lambda: job(at).ended_at is not None or None, seconds=60)
    return Reading(room.get(at))


def versions(world: World) -> list[int]:
    return sorted(user.version for user in rows(world.app))


def test_a_refresh_of_all(world: World, room: Room) -> None:
    with room.open(SIGTERM) as working:
        at = room.order()
        page = end_of(working, room, at)
    assert page.the("h1") == "30 of 30 finished · 30 refreshed · 0 failed"
    assert "Done" in page.text
    assert (world.refreshes(), world.calls(), versions(world)) == (30, 30, [2] * 30)


def test_a_refresh_that_fails_for_all_and_its_retry(world: World, room: Room) -> None:
    world.sandbox.faults("token", "http500", grant_type="refresh_token")
    people = [user.open_id for user in rows(world.app)[:5]]
    picked = "&".join(f"id={each}" for each in people)
    with room.open(SIGTERM) as working:
        at = room.order(f"{REFRESH}?{picked}")
        page = end_of(working, room, at)
        assert page.the("h1") == "5 of 5 finished · 0 refreshed · 5 failed"
        assert "All failed" in page.text
        assert "Done" not in page.text
        assert "You" in page.text
        assert world.refreshes() == 0
        assert [user.version for user in rows(world.app)] == [1] * 30
        assert {user.status for user in rows(world.app)[:5]} == {"failing"}
        world.sandbox.forget_faults()
        retry = f"{REFRESH}?failed_of={job(at).id}"
        assert f'href="{retry}"' in room.get(at)
        page = end_of(working, room, room.order(retry))
    assert page.the("h1").startswith("5 of 5 finished · 5 refreshed")
    assert versions(world) == [1] * 25 + [2] * 5
    assert world.refreshes() == 5


@pytest.mark.parametrize("people", [MANY])
@pytest.mark.parametrize(
    ("page", "calls"), [(REFRESH, "token.refresh_token"), (DISCONNECT, "revoke")]
)
def test_a_job_that_is_stopped_in_the_middle(
    world: World, room: Room, people: int, page: str, calls: str
) -> None:
    world.sandbox.latency(0.5)
    typed = {"typed": str(people)} if page == DISCONNECT else {}
    with room.open(SIGTERM) as working:
        at = room.order(f"{page}?all=1", **typed)
        room.wait_for(working, at, RATE / people, people)
        room.press(at, f"{at}/stop")
        asked = world.sandbox.calls(calls)
        found = re.search(r"Stopped\. (\d+) requests? (?:was|were) already under way", room.said)
        under_way = int(found[1]) if found else 0
        ended = end_of(working, room, at)
        sleep(3)
        later = world.sandbox.calls(calls)
    done, total, failed, skipped = room_progress(ended)
    assert (total, failed, skipped) == (people, 0, 0)
    assert 0 < done < people
    assert f"{people - done} not sent" in ended.the("h1")
    assert later - asked <= under_way, "no call after the press but those it had named"
    assert later == done, "TikTok was asked for those that the page says"
    changed = [user for user in rows(world.app) if (user.version, user.status) != (1, "active")]
    assert len(changed) == done, "and no row has changed but theirs"


def room_progress(page: Reading) -> tuple[int, ...]:
    """Return done, total, failed and skipped."""
    found = SAID.search(page.the("h1"))
    assert found is not None
    return tuple(int(found[name] or 0) for name in ("done", "total", "failed", "skipped"))


def test_a_disconnect_that_tiktok_does_not_confirm(world: World, room: Room) -> None:
    world.sandbox.faults("revoke", "error200", error="invalid_grant")
    people = [user.open_id for user in rows(world.app)[1:3]]
    with room.open(SIGTERM) as working:
        at = room.order(f"{DISCONNECT}?id={people[0]}&id={people[1]}", typed="2")
        page = end_of(working, room, at)
        audit, timeline = room.get("/operators/audit"), room.get(f"/operators/tokens/{people[0]}")
    assert page.the("h1") == "2 of 2 finished · 0 confirmed by TikTok · 2 not confirmed"
    assert "None confirmed" in page.text
    assert "Disconnected here: our tokens are deleted. TikTok didn't confirm it." in page.text
    assert {world.row(each).status for each in people} == {"revoked"}
    books = world.sandbox.books()
    assert [books[each]["ended"] for each in people] == [None, None]
    for text in (audit, timeline):
        assert "the worker, for" in Reading(text).text
        assert f'href="{at}"' in text
