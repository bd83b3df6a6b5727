"""Nothing names someone who has left, and after AUDIT_DAYS their ticket is gone as well."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.audit.telling import let_events_go
from tests.audit.test_searched import press, stored
from tests.movable import MovableClock
from tests.services.holding import runtime_of
from tests.views.reading import Reading
from webapp.database import reading
from webapp.models import BulkJob, User
from webapp.services.connect.disconnect import delete_person
from webapp.services.operators import bulk
from webapp.services.worker.chores import CHORES

pytestmark = pytest.mark.usefixtures("each_database")


def tidy(app: Flask) -> None:
    """Do all chores to their end."""
    runtime = runtime_of(app)
    for chore in CHORES:
        while chore(runtime, runtime.clock()):
            pass


def test_the_ticket_of_somebody_who_left_goes_from_every_table_with_the_audit(
    app: Flask, operator: FlaskClient, mara: User, clock: MovableClock
) -> None:
    press(operator, "refresh", query="status=healthy")
    operator.get("/operators/audit.csv", query_string={"on": mara.open_id})
    with app.app_context():
        runtime = runtime_of(app)
        with reading() as session:
            job = session.scalars(select(BulkJob)).one()
        bulk.stop_job(runtime, job.id)
        delete_person(runtime, mara.ref)
        assert mara.open_id not in stored()
        clock.advance(days=runtime.settings.audit_days - 1)
        tidy(app)
        assert mara.ticket in stored(), "the audit is kept for its time"
        clock.advance(days=2)
        let_events_go()
        tidy(app)
        assert mara.ticket not in stored()


def test_the_privacy_page_says_what_is_kept_of_somebody_who_left(client: FlaskClient) -> None:
    page = Reading(client.get("/privacy").text).text
    assert (
        "After you delete your account, the audit log keeps your ticket number for 400 days."
        in page
    )
    assert "The server's log and backups may contain your TikTok ID" in page
