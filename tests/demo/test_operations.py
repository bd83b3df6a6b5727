"""What the demo shows besides its people: who operates it, figures, bulk jobs and a service."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from demo import crowd, operations, people
from tests.servers import Sandbox
from webapp.database import reading
from webapp.models import Health, ServiceUse, User
from webapp.services.handout import service_keys
from webapp.services.operators import bulk
from webapp.services.operators.connection import details_of
from webapp.services.records import audit_chain, figures
from webapp.services.runtime import Runtime

#: The end of a connection in a timeline, newest first.
ENDED = ("connection.revoked", "connection.disconnect_ordered")


@pytest.fixture
def filled(runtime: Runtime, sandbox: Sandbox) -> Runtime:
    """The database of a demo with some people."""
    now = runtime.clock()
    operator = people.seed(runtime, sandbox.url, sandbox.people(), now)
    for _there in crowd.seed(runtime, 100, sandbox.url):
        pass
    operations.add_records(runtime, operator.ticket, now)
    return runtime


def user_of(sandbox: Sandbox, name: str) -> User:
    open_id = next(each["open_id"] for each in sandbox.people() if each["name"] == name)
    with reading() as session:
        return session.scalars(select(User).where(User.open_id == open_id)).one()


@pytest.mark.usefixtures("each_database")
def test_everyone_is_in_their_state_and_one_is_an_operator(
    filled: Runtime, sandbox: Sandbox
) -> None:
    now = filled.clock()
    there = {name: user_of(sandbox, name) for name in people.PEOPLE}
    assert {name: user.health(now) for name, user in there.items()} == dict(people.PEOPLE)
    assert [name for name, user in there.items() if user.operator_since] == [people.OPERATOR]
    for name, user in there.items():
        details = details_of(filled, user.open_id)
        assert details is not None
        assert len(details.timeline) >= 3, name
    due = [n for n, health in people.PEOPLE.items() if health in (Health.DUE, Health.EXPIRED)]
    assert all((there[name].next_at or now) < now for name in due)


def test_the_charts_have_30_days_and_the_last_hour(filled: Runtime) -> None:
    now = filled.clock()
    *days, _today = figures.by_day(filled, now)
    assert all(bar.refreshed > 400 for bar in days)
    assert any(bar.failed for bar in days)
    assert figures.per_second(filled, now) > 0
    assert figures.answer_times(filled, now).count


def test_bulk_jobs_are_finished_and_say_whose_refresh_failed(
    filled: Runtime, sandbox: Sandbox
) -> None:
    jobs, _ = bulk.jobs_page(filled, None)
    refreshes = [job for job in jobs if job.act == "refresh"]
    assert [(job.total, job.done, job.failed, job.left) for job in refreshes] == [
        (12, 12, 0, 0),
        (20, 18, 2, 0),
    ]
    assert {job.actor for job in jobs} == {user_of(sandbox, people.OPERATOR).ticket}
    assert all(job.ended_at and job.ended_at < filled.clock() for job in jobs)
    failed, _ = bulk.items(jobs[1].id, bulk.Shown.PROBLEMS, 0)
    assert [each.code for each in failed] == ["temporarily_unavailable"] * 2
    assert all(each.open_id for each in failed)


def test_a_bulk_disconnect_that_tiktok_did_not_confirm_for_all_is_in_the_timelines(
    filled: Runtime,
) -> None:
    jobs, _ = bulk.jobs_page(filled, None)
    (job,) = [job for job in jobs if job.act == "disconnect"]
    assert job.ended_at
    assert job.ended_at < filled.clock()
    assert (job.failed, job.left) == (2, 0)
    assert job.done > 0
    for item in bulk.items(job.id, bulk.Shown.ALL, 0)[0]:
        assert item.open_id
        details = details_of(filled, item.open_id)
        assert details is not None
        assert not details.user.operator_since
        words = [event.word for event in details.timeline if event.at >= job.created_at]
        # Newest first: nobody is disconnected by it any more.
        assert words[-3:] == ["connection.connected", *ENDED]
        (revoked,) = [
            event
            for event in details.timeline
            if event.word == ENDED[0] and event.fields.get("confirmed") is (item.state == "done")
        ]
        assert revoked.code == (item.code or "")


def test_a_service_has_had_the_tokens_that_were_used(filled: Runtime) -> None:
    (key,) = service_keys.list_all()
    assert key.name == operations.SERVICE
    with reading() as session:
        uses = session.scalars(select(ServiceUse)).all()
        users = {user.id: user for user in session.scalars(select(User))}
    assert len(uses) > 30
    for use in uses:
        user = users[use.user_id]
        assert use.last_at == user.last_used_at
        assert user.connected_at <= use.first_at <= use.last_at
        assert key.created_at <= use.first_at


def test_the_audit_is_whole_and_older_than_now(filled: Runtime) -> None:
    checked = audit_chain.check(filled.clock() + timedelta(seconds=1))
    assert (checked.broken, checked.unchained) == (None, 0)
    assert checked.intact > 150
