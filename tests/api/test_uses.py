"""Who was handed whose access is written down hourly, told once a day, and gone with the person."""

import threading

import pytest
from flask import Flask
from sqlalchemy import select

from tests.api.asking import Service
from tests.api.conftest import Connect
from tests.movable import MovableClock
from tests.servers import Sandbox
from webapp.database import reading
from webapp.models import AuditEvent, ServiceUse, User
from webapp.services.connect import disconnect
from webapp.services.handout import service_keys
from webapp.services.handout.uses import Use, uses_of
from webapp.services.records import history
from webapp.services.records.history import TimelineEvent

pytestmark = pytest.mark.usefixtures("each_database")


def uses(app: Flask) -> list[ServiceUse]:
    with app.app_context(), reading() as session:
        return list(session.scalars(select(ServiceUse).order_by(ServiceUse.key_id)))


def told(app: Flask) -> list[AuditEvent]:
    asked = select(AuditEvent).where(AuditEvent.event == "connection.handed_out")
    with app.app_context(), reading() as session:
        return list(session.scalars(asked.order_by(AuditEvent.id)))


def entries(app: Flask) -> list[TimelineEvent]:
    with app.app_context(), reading() as session:
        return history.parse(session.scalar(select(User.history)))


@pytest.mark.audit("connection.handed_out")
def test_the_first_hand_out_is_written_down_everywhere_at_once(
    app: Flask, service: Service, mara: str, clock: MovableClock
) -> None:
    assert service.get(mara).status_code == 200
    (use,) = uses(app)
    (event,) = told(app)
    (entry,) = entries(app)
    assert (use.key_id, use.first_at, use.last_at) == (service.key[4:16], clock(), clock())
    assert (event.actor_kind, event.actor) == ("service", "reports")
    assert event.fields == '{"service": "reports"}'
    assert (entry.word, entry.who, entry.at) == ("handed_out", "service:reports", clock())
    with app.app_context(), reading() as session:
        (user,) = session.scalars(select(User))
    assert (event.ticket, user.last_used_at) == (user.ticket, clock())


def test_it_is_written_hourly_and_told_daily(
    app: Flask, service: Service, mara: str, clock: MovableClock
) -> None:
    begun = clock()
    for minutes, noted, events in ((0, 0, 1), (59, 0, 1), (1, 60, 1), (30, 60, 1), (24 * 60, 0, 2)):
        clock.advance(minutes=minutes)
        assert service.get(mara).status_code == 200
        (use,) = uses(app)
        if noted:
            assert (use.last_at - use.first_at).total_seconds() == noted * 60
        assert (use.first_at, len(told(app))) == (begun, events)


def test_each_key_counts_for_itself(
    app: Flask, service: Service, mara: str, clock: MovableClock
) -> None:
    with app.app_context():
        other = Service(service.client, service_keys.issue("studio", clock()))
    for one in (service, other, service):
        assert one.get(mara).status_code == 200
    assert len(uses(app)) == 2
    assert [event.actor for event in told(app)] == ["reports", "studio"]


def test_a_refresh_on_demand_is_a_hand_out_too(
    app: Flask, service: Service, mara: str, clock: MovableClock
) -> None:
    clock.advance(hours=30)
    assert service.get(mara).status_code == 200
    assert [entry.word for entry in entries(app)] == ["handed_out", "refreshed"]


def test_a_token_that_is_kept_back_was_not_handed_out(
    app: Flask, service: Service, mara: str, sandbox: Sandbox
) -> None:
    assert service.get(mara, "scope=video.list").status_code == 403
    assert service.get("nobody").status_code == 404
    assert uses(app) == told(app) == []


def test_of_many_at_once_one_tells(app: Flask, service: Service, mara: str) -> None:
    def ask() -> None:
        Service(app.test_client(), service.key).get(mara)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(uses(app)), len(told(app)), len(entries(app))) == (1, 1, 1)


def test_a_deleted_person_leaves_no_use(
    app: Flask, service: Service, mara: str, connect: Connect
) -> None:
    other = connect("jo")
    for open_id in (mara, other):
        assert service.get(open_id).status_code == 200
    with app.app_context():
        runtime = app.extensions["coatcheck"]
        with reading() as session:
            gone, kept = (
                session.scalars(select(User).where(User.open_id == open_id)).one().ref
                for open_id in (mara, other)
            )
        disconnect.delete_person(runtime, gone)
    assert [use.user_id for use in uses(app)] == [kept.id]
    assert len(told(app)) == 2


def test_the_services_of_a_person_are_listed_with_their_times_the_latest_first(
    app: Flask, service: Service, mara: str, clock: MovableClock
) -> None:
    begun = clock()
    assert service.get(mara).status_code == 200
    again = clock.advance(hours=1)
    assert service.get(mara).status_code == 200
    later = clock.advance(minutes=1)
    with app.app_context():
        other = Service(service.client, service_keys.issue("studio", clock()))
        assert other.get(mara).status_code == 200
        service_keys.revoke("reports", clock())
    with app.app_context(), reading() as session:
        user_id = session.scalars(select(User.id)).one()
        found = uses_of(session, user_id)
        assert found == [
            Use("studio", later, later, revoked=False),
            Use("reports", begun, again, revoked=True),
        ]
        assert uses_of(session, user_id + 1) == []
