"""Work on many connections: each row once, at the worker's pace, told as it was."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import delete

from tests.keep.bulk_jobs import counts, events, items, job, look, order
from tests.keep.world import World
from tests.services.holding import assert_forgotten, rows
from webapp.database import writing
from webapp.models import User
from webapp.services.operators import bulk, bulk_work
from webapp.services.refresh.breaker import Permit
from webapp.services.worker.worker import Worker

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.audit("bulk.ordered")
@pytest.mark.audit("bulk.ended")
def test_picked_connections_are_refreshed_each_once_and_nobody_else(world: World) -> None:
    people = world.people(4)
    order(world, "refresh", *people[:3])
    look(world)
    assert world.work() == 3
    look(world, 3)
    assert world.work() == 0
    assert (counts(), world.refreshes()) == ((3, 3, 0, 0), 3)
    assert [user.version for user in rows(world.app)] == [2, 2, 2, 1]
    assert job().ended_at == world.clock()
    assert [name for name, _fields in events()] == ["bulk.ordered", "bulk.ended"]
    world.assert_in_step(living=4)


def test_all_that_match_are_gathered_and_refreshed_by_the_worker_itself(world: World) -> None:
    people = world.people(5)
    world.change(people[4], status="failing", failures=2, next_at=world.clock() + timedelta(1))
    order(world, "refresh")
    worker = Worker(world.runtime, world.app.app_context)
    worker.run(once=True)
    assert (counts(), world.refreshes()) == ((5, 5, 0, 0), 5)
    assert job().ended_at is not None
    assert world.row(people[4]).status == "active"
    world.assert_in_step(living=5)


def test_what_cannot_be_refreshed_is_skipped_with_the_reason(world: World) -> None:
    people = world.people(4)
    world.change(people[0], status="reconnect", reason="refused", next_at=None)
    world.change(people[1], status="revoked", access_token=None, refresh_token=None, next_at=None)
    order(world, "refresh", *people)
    with writing() as session:
        session.execute(delete(User).where(User.open_id == people[2]))
    look(world)
    world.work()
    look(world)
    assert items() == [
        *(("skipped", "needs_person"), ("skipped", "disconnected")),
        *(("skipped", "gone"), ("done", None)),
    ]
    assert counts() == (4, 1, 0, 3)


def test_a_refusal_is_a_failure_with_tiktoks_code(world: World) -> None:
    people = world.people(2)
    world.sandbox.faults("token", "http500", grant_type="refresh_token", times=1)
    order(world, "refresh", *people)
    look(world)
    world.work()
    look(world)
    assert counts() == (2, 1, 1, 0)
    assert sorted(items())[1][0] == "failed"
    assert sorted(items())[1][1]
    assert job().ended_at is not None


def test_a_row_that_no_key_opens_does_not_keep_a_job_open(world: World) -> None:
    (open_id,) = world.people(1)
    world.change(open_id, access_token="made-up", refresh_token="made-up")
    order(world, "refresh", open_id)
    look(world)
    world.work()
    look(world)
    assert items() == [("failed", "cannot_open")]


def test_a_disconnect_tells_tiktok_and_forgets(world: World) -> None:
    people = world.people(3)
    order(world, "disconnect", *people[:2])
    look(world)
    assert [user.status for user in rows(world.app)] == ["revoking", "revoking", "active"]
    Worker(world.runtime, world.app.app_context).run(once=True)
    look(world)
    assert counts() == (2, 2, 0, 0)
    assert_forgotten(world.row(people[0]))
    assert world.sandbox.books()[people[1]]["ended"] == "revoked"
    assert [name for name, _fields in events("connection.")] == [
        *["connection.disconnect_ordered"] * 2,
        *["connection.revoked"] * 2,
    ]
    world.assert_in_step(living=1)


def test_a_disconnect_that_tiktok_does_not_hear_is_told_as_failed(world: World) -> None:
    (open_id,) = world.people(1)
    world.sandbox.faults("revoke", "http500", times=1)
    order(world, "disconnect", open_id)
    look(world)
    Worker(world.runtime, world.app.app_context).run(once=True)
    assert counts() == (1, 0, 1, 0)
    assert world.row(open_id).status == "revoking"


def test_who_connects_after_the_order_is_not_disconnected(world: World) -> None:
    open_id = world.person("mara")
    order(world, "disconnect", open_id)
    world.clock.advance(seconds=1)
    world.person("mara")
    look(world, 2)
    assert items() == [("skipped", "connected_again")]
    world.assert_in_step(living=1)


@pytest.mark.audit("bulk.stopped")
def test_stop_keeps_what_was_not_sent_from_being_sent(world: World) -> None:
    order(world, "refresh", *world.people(1))
    assert bulk.stop_job(world.runtime, "made-up-job-1")
    look(world)
    assert (world.work(), counts()) == (0, (1, 0, 0, 0))
    assert [name for name, _fields in events()] == ["bulk.ordered", "bulk.stopped", "bulk.ended"]


def test_the_same_order_twice_is_one_job(world: World) -> None:
    people = world.people(2)
    for _press in range(2):
        order(world, "refresh", *people)
    assert counts() == (2, 0, 0, 0)
    ordered = [json.loads(fields) for name, fields in events() if name == "bulk.ordered"]
    assert ordered == [{"job": "made-up-job-1", "act": "refresh", "count": 2, "query": ""}]


def test_two_jobs_share_what_may_be_sent_and_leave_room_for_what_is_due(world: World) -> None:
    slow = world.runtime.settings.model_copy(update={"refresh_rate": 1})
    world = replace(world, runtime=replace(world.runtime, settings=slow))
    people = world.people(6)
    order(world, "refresh", *people[:4], job_id="made-up-job-1")
    order(world, "refresh", *people, job_id="made-up-job-2")
    look(world)
    sent = [[state for state, _code in items(f"made-up-job-{n}")].count("sent") for n in (1, 2)]
    assert sent == [3, 2]
    look(world)
    assert world.work() == 3
    look(world)
    assert [counts("made-up-job-1")[1], counts("made-up-job-2")[1]] == [3, 2]


def test_while_the_breaker_is_open_nothing_is_sent(world: World) -> None:
    order(world, "refresh", *world.people(2))
    bulk_work.BulkWork(world.runtime).take(Permit(0, 1.0, "transient", None))
    assert {state for state, _code in items()} == {"waiting"}


def test_whoever_refreshes_a_row_in_this_moment_does_it_for_the_job(world: World) -> None:
    (open_id,) = world.people(1)
    ends = world.clock() + timedelta(seconds=60)
    world.change(open_id, claim="made-up", next_at=ends)
    order(world, "refresh", open_id)
    look(world)
    assert world.row(open_id).next_at == ends
    world.change(open_id, version=2, claim=None, next_at=ends + timedelta(hours=1))
    look(world)
    assert counts() == (1, 1, 0, 0)


def test_items_of_old_jobs_are_removed(world: World) -> None:
    order(world, "refresh", *world.people(2))
    bulk.stop_job(world.runtime, "made-up-job-1")
    assert bulk_work.remove_old_items(world.runtime) == 0
    world.clock.advance(days=31)
    assert (bulk_work.remove_old_items(world.runtime), items()) == (2, [])
    assert job().total == 2
