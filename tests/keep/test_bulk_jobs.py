"""Work on many connections: each row once, at the worker's pace, told as it was."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from tests.keep.bulk_jobs import JOB, claim, counts, events, items, job, look, order, send, work
from tests.keep.world import World
from tests.services.holding import assert_forgotten, rows
from webapp.database import reading, writing
from webapp.models import AuditEvent, User
from webapp.services.operators import bulk, bulk_order, bulk_work
from webapp.services.operators.bulk import Stop
from webapp.services.records.history import parse
from webapp.services.worker.worker import Worker

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.audit("bulk.ordered")
@pytest.mark.audit("bulk.ended")
def test_picked_connections_are_refreshed_each_once_and_nobody_else(world: World) -> None:
    people = world.people(4)
    order(world, "refresh", *people[:3])
    assert work(world) == 3
    assert (work(world), world.work()) == (0, 0)
    assert (counts(), world.refreshes()) == ((3, 3, 0, 0), 3)
    assert [user.version for user in rows(world.app)] == [2, 2, 2, 1]
    assert job().ended_at == world.clock()
    assert [name for name, _fields in events()] == ["bulk.ordered", "bulk.ended"]
    world.assert_in_step(living=4)


def test_all_that_match_are_refreshed_by_the_worker_itself(world: World) -> None:
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
    work(world)
    assert items() == [
        *(("skipped", "needs_person"), ("skipped", "disconnected")),
        *(("skipped", "gone"), ("done", None)),
    ]
    assert counts() == (4, 1, 0, 3)


def test_a_refusal_is_a_failure_with_tiktoks_code(world: World) -> None:
    people = world.people(2)
    world.sandbox.faults("token", "http500", grant_type="refresh_token", times=1)
    order(world, "refresh", *people)
    work(world)
    assert counts() == (2, 1, 1, 0)
    assert sorted(items())[1][0] == "failed"
    assert sorted(items())[1][1]
    assert job().ended_at is not None


def test_a_row_that_no_key_opens_does_not_keep_a_job_open(world: World) -> None:
    (open_id,) = world.people(1)
    world.change(open_id, access_token="made-up", refresh_token="made-up")
    order(world, "refresh", open_id)
    work(world)
    assert items() == [("failed", "cannot_open")]


def test_a_disconnect_tells_tiktok_and_forgets(world: World) -> None:
    people = world.people(3)
    order(world, "disconnect", *people[:2])
    claims = claim(world)
    assert [user.status for user in rows(world.app)] == ["revoking", "revoking", "active"]
    send(world, claims)
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
    Worker(world.runtime, world.app.app_context).run(once=True)
    assert counts() == (1, 0, 1, 0)
    assert world.row(open_id).status == "revoking"


def test_who_connects_after_the_order_is_not_disconnected(world: World) -> None:
    open_id = world.person("mara")
    order(world, "disconnect", open_id)
    world.clock.advance(seconds=1)
    world.person("mara")
    assert work(world) == 0
    assert items() == [("skipped", "connected_again")]
    world.assert_in_step(living=1)


@pytest.mark.audit("bulk.stopped")
def test_stop_keeps_what_was_not_sent_from_being_sent(world: World) -> None:
    order(world, "refresh", *world.people(1))
    assert bulk.stop_job(world.runtime, JOB) == Stop(stopped=True, under_way=0)
    assert (work(world), world.work(), counts()) == (0, 0, (1, 0, 0, 0))
    assert bulk.stop_job(world.runtime, JOB) == Stop(stopped=False, under_way=0)
    assert [name for name, _fields in events()] == ["bulk.ordered", "bulk.stopped", "bulk.ended"]


@pytest.mark.parametrize("act", bulk_order.ACTS)
def test_after_stop_nothing_is_sent_but_what_it_said_to_be_under_way(
    world: World, act: str
) -> None:
    people = world.people(10)
    order(world, act, *people)
    under_way = claim(world, 3)
    before = [(user.status, user.next_at, user.version) for user in rows(world.app)[3:]]
    assert bulk.stop_job(world.runtime, JOB) == Stop(stopped=True, under_way=3)
    send(world, under_way)
    assert (work(world), world.work()) == (0, 0)
    assert (counts(), job().ended_at) == ((10, 3, 0, 0), world.clock())
    assert [(user.status, user.next_at, user.version) for user in rows(world.app)[3:]] == before
    calls = world.sandbox.calls("token.refresh_token" if act == "refresh" else "revoke")
    assert calls == 3
    world.assert_in_step(living=10 if act == "refresh" else 7)


@pytest.mark.parametrize("act", bulk_order.ACTS)
def test_a_worker_that_is_about_to_claim_sees_the_stop(
    world: World, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    order(world, act, *world.people(3))
    jobs = bulk_work.BulkWork(world.runtime)
    jobs.step()
    # One is under way, so the job goes on after it was stopped.
    assert len(jobs.claim(1)) == 1
    before = [(user.status, user.version, user.claim) for user in rows(world.app)]
    true = bulk_work.writing

    def after_the_stop(**options: bool) -> Any:
        monkeypatch.undo()
        assert bulk.stop_job(world.runtime, JOB) == Stop(stopped=True, under_way=1)
        return true(**options)

    monkeypatch.setattr(bulk_work, "writing", after_the_stop)
    assert jobs.claim(5) == []
    assert [(user.status, user.version, user.claim) for user in rows(world.app)] == before


def test_a_claim_of_a_worker_that_died_is_told_as_under_way_and_comes_to_its_end(
    world: World,
) -> None:
    people = world.people(3)
    order(world, "refresh", *people)
    assert len(claim(world, 1)) == 1
    assert bulk.stop_job(world.runtime, JOB) == Stop(stopped=True, under_way=1)
    world.clock.advance(seconds=61)
    assert world.work() == 1
    look(world)
    assert (counts(), world.refreshes()) == ((3, 1, 0, 0), 1)
    assert job().ended_at is not None


def test_what_the_worker_does_for_a_job_is_recorded_under_its_name(world: World) -> None:
    people = world.people(2)
    order(world, "disconnect", people[0])
    order(world, "refresh", people[1], job_id="made-up-job-2")
    world.sandbox.faults("revoke", "http500", times=1)
    worker = Worker(world.runtime, world.app.app_context)
    worker.run(once=True)
    world.clock.advance(hours=1)
    # The next try is not a claim of the job anymore.
    Worker(world.runtime, world.app.app_context).run(once=True)
    with reading() as session:
        found = session.execute(
            select(AuditEvent.event, AuditEvent.actor_kind, AuditEvent.actor)
            .where(AuditEvent.event.startswith("connection."))
            .order_by(AuditEvent.id)
        ).all()
        history = session.scalar(select(User.history).where(User.open_id == people[1])) or ""
    assert [tuple(each) for each in found] == [
        ("connection.disconnect_ordered", "worker", JOB),
        ("connection.revoked", "worker", JOB),
    ]
    assert [entry.who for entry in parse(history)] == ["worker:made-up-job-2"]


def test_a_disconnect_that_tiktok_refuses_is_not_told_as_confirmed(world: World) -> None:
    people = world.people(2)
    world.sandbox.faults("revoke", "error200", error="invalid_grant", times=1)
    order(world, "disconnect", *people)
    work(world)
    assert sorted(items()) == [("done", None), ("unconfirmed", "invalid_grant")]
    assert counts() == (2, 1, 1, 0)
    assert {world.row(each).status for each in people} == {"revoked"}


def test_the_same_order_twice_is_one_job(world: World) -> None:
    people = world.people(2)
    for _press in range(2):
        order(world, "refresh", *people)
    assert counts() == (2, 0, 0, 0)
    ordered = [json.loads(fields) for name, fields in events() if name == "bulk.ordered"]
    assert ordered == [{"job": "made-up-job-1", "act": "refresh", "count": 2, "query": ""}]


def test_two_jobs_share_what_may_be_sent(world: World) -> None:
    people = world.people(6)
    order(world, "refresh", *people[:4], job_id="made-up-job-1")
    order(world, "refresh", *people, job_id="made-up-job-2")
    claims = claim(world, 4)
    sent = [[state for state, _code in items(f"made-up-job-{n}")].count("sent") for n in (1, 2)]
    assert sent == [2, 2]
    send(world, claims)
    work(world)
    work(world)
    assert [counts("made-up-job-1")[1], counts("made-up-job-2")[1]] == [4, 6]


def test_with_one_at_a_time_every_job_has_its_turn(world: World) -> None:
    people = world.people(6)
    order(world, "refresh", *people[:3], job_id="made-up-job-1")
    order(world, "refresh", *people[3:], job_id="made-up-job-2")
    jobs = bulk_work.BulkWork(world.runtime)
    jobs.step()
    by = [claim.by.name for _poll in range(4) for claim in jobs.claim(1) if claim.by]
    assert sorted(by) == ["made-up-job-1"] * 2 + ["made-up-job-2"] * 2


def test_connections_that_are_due_come_first_but_a_backlog_does_not_hold_a_job_up(
    world: World,
) -> None:
    people = world.people(12)
    order(world, "refresh", *people[8:])
    for each in people[:8]:
        world.change(each, next_at=world.clock())
    worker = Worker(world.runtime, world.app.app_context)
    worker._bulk.step()
    polls = [worker._claim(2, with_jobs=True) for _poll in range(6)]
    ordered = [[claim.by is not None for claim in claims] for claims in polls]
    due, jobs = [False, False], [True, True]
    assert ordered == [due, due, due, jobs, due, jobs]


def test_while_the_breaker_is_open_nothing_is_sent(world: World) -> None:
    order(world, "refresh", *world.people(2))
    worker = Worker(world.runtime, world.app.app_context)
    worker._bulk.step()
    assert worker._claim(5, with_jobs=False) == []
    assert {state for state, _code in items()} == {"waiting"}


def test_anyone_who_refreshes_a_row_in_this_moment_does_it_for_the_job(world: World) -> None:
    (open_id,) = world.people(1)
    ends = world.clock() + timedelta(seconds=60)
    world.change(open_id, claim="made-up", next_at=ends)
    order(world, "refresh", open_id)
    assert claim(world) == []
    assert (world.row(open_id).claim, world.row(open_id).next_at) == ("made-up", ends)
    world.change(open_id, version=2, claim=None, next_at=ends + timedelta(hours=1))
    look(world)
    assert counts() == (1, 1, 0, 0)


def test_items_of_old_jobs_are_removed(world: World) -> None:
    order(world, "refresh", *world.people(2))
    bulk.stop_job(world.runtime, JOB)
    assert bulk_work.remove_old_items(world.runtime) == 0
    world.clock.advance(days=31)
    assert (bulk_work.remove_old_items(world.runtime), items()) == (2, [])
    assert job().total == 2
