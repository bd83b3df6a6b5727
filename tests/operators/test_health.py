"""The health page and its button, the banner on operators' pages; all in the words of /readyz."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.forms import the_form
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.views.connections import connection, runtime_of
from tests.views.reading import Reading
from tests.views.test_pages_served import judge, operator
from tests.walk import connect
from webapp.database import reading, writing
from webapp.models import AuditEvent, Brakes, User
from webapp.services.maintenance import doctor, troubles
from webapp.services.operators import roles
from webapp.services.records import figures
from webapp.services.refresh import breaker

PAGE = "/operators/health"
_EVENTS = select(AuditEvent.event).order_by(AuditEvent.id)
pytestmark = pytest.mark.usefixtures("each_database")


def opened(app: Flask, reason: str = "transient", code: str | None = None) -> None:
    """Let the breaker be open."""
    runtime = runtime_of(app)
    with app.app_context():
        breaker.current(runtime)
        with writing() as session:
            row = session.get_one(Brakes, runtime.settings.tiktok_client_key)
            row.open_reason, row.open_code, row.open_since = reason, code, runtime.clock()
            row.probe_at = runtime.clock() + timedelta(seconds=30)


def overdue(app: Flask, user_id: int, now: datetime) -> None:
    """Let this person's refresh be an hour late."""
    with app.app_context(), writing() as session:
        session.get_one(User, user_id).next_at = now - timedelta(hours=1)


def events(app: Flask) -> list[str]:
    """Return the words of what was written down of the breaker."""
    with app.app_context(), reading() as session:
        return [e for e in session.scalars(_EVENTS) if e.startswith("breaker")]


def test_all_is_well_and_nothing_has_happened(app: Flask, client: FlaskClient) -> None:
    operator(app, client, connection(app, 1))
    page = judge(client.get(PAGE), PAGE)
    assert "Everything is working" in page.text
    assert "No data yet." in page.text
    assert "Test now" not in page.text


def test_a_look_changes_nothing(app: Flask, client: FlaskClient) -> None:
    operator(app, client, connection(app, 1))
    client.get(PAGE)
    with app.app_context(), reading() as session:
        assert session.scalars(select(Brakes)).all() == []


def test_every_page_and_readyz_tell_the_same_doubts(
    app: Flask, client: FlaskClient, clock: MovableClock
) -> None:
    user = connection(app, 1)
    operator(app, client, user)
    assert "Problems" not in client.get("/operators/tokens").text
    opened(app, "config", "invalid_client")
    overdue(app, user.id, clock())
    clock.advance(seconds=11)
    told = client.get("/readyz").get_json()["doubts"]
    assert [each["name"] for each in told] == ["breaker", "worker"]
    for path in ("/operators/tokens", PAGE):
        text = Reading(client.get(path).text).text
        for each in told:
            assert each["cause"][1:] in text, path
    assert "Problems" not in client.get("/account").text
    told = Reading(client.get(PAGE).text).text
    assert "No worker seems to be running. Start one: flask tokens run" in told


def refused(app: Flask, now: datetime, *, of: int) -> None:
    """Let TikTok have refused all but three of the last refreshes."""
    runtime = runtime_of(app)
    with app.app_context(), writing() as session:
        counts = {"refreshed": 3, "failed.refused_once": 19, "failed.mass_rejection": of - 22}
        figures.add_counts(session, runtime.client_key, now, counts)
        breaker.record_outcomes(session, runtime, [breaker.Outcome("g")] * 50, now)


def test_refusals_by_the_thousand_are_told_everywhere(
    app: Flask, client: FlaskClient, clock: MovableClock
) -> None:
    """The page was green while TikTok refused 1,019 of 1,022 refreshes."""
    operator(app, client, connection(app, 1))
    refused(app, clock(), of=1022)
    cause = "1,019 of 1,022 in the last hour answered invalid_grant"
    answer = client.get("/readyz").get_json()
    assert (answer["status"], answer["doubts"][0]["name"]) == ("degraded", "refusals")
    for path in (PAGE, "/operators/tokens"):
        page = judge(client.get(path), path)
        assert f"Most refreshes are being refused: {cause}" in page.text, path
        assert "Check the client key and secret" in page.text, path
        assert "Everything is working" not in page.text, path
    with app.app_context():
        lines = [each for each in doctor.keeping_checks(runtime_of(app)) if each.verdict != "ok"]
    assert [(each.verdict, each.name) for each in lines] == [("warn", "refusals")]
    assert cause in lines[0].cause


def test_the_banner_is_looked_up_every_ten_seconds_alone(
    app: Flask, client: FlaskClient, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator(app, client, connection(app, 1))
    looks: list[int] = []
    monkeypatch.setattr(troubles, "troubles", lambda _runtime: looks.append(1) or [])
    for _page in range(5):
        client.get("/operators/tokens")
    assert len(looks) == 1
    clock.advance(seconds=10)
    client.get("/operators/tokens")
    assert len(looks) == 2


@pytest.fixture
def mara(app: Flask, sandbox: Sandbox) -> FlaskClient:
    """A browser of someone who has really connected, and is an operator."""
    client = app.test_client()
    assert connect(client).status_code == 303
    with app.app_context():
        runtime = runtime_of(app)
        roles.add_operator(runtime, sandbox.open_id("mara"), runtime.clock())
    return client


def pressed(client: FlaskClient) -> str:
    """Press Test now, or send what an older page would send if there is no such button any more."""
    page, act = client.get(PAGE).text, f"{PAGE}/probe"
    form = the_form(page, act if act in page else "/sign-out")
    answer = client.post(act, data=form.data())
    assert (answer.status_code, answer.location) == (303, f"{PAGE}#breaker")
    return Reading(client.get(PAGE).text).text


@pytest.mark.audit("breaker.probed")
def test_a_probe_that_tiktok_answers_closes_the_breaker(
    app: Flask, mara: FlaskClient, sandbox: Sandbox
) -> None:
    opened(app)
    assert "TikTok responded. Refreshes have resumed." in pressed(mara)
    assert sandbox.calls("token.refresh_token") == 1
    assert events(app) == ["breaker.probed", "breaker.closed"]


@pytest.mark.audit("breaker.probed")
def test_a_probe_that_fails_leaves_it_open_and_says_so(
    app: Flask, mara: FlaskClient, sandbox: Sandbox
) -> None:
    opened(app)
    sandbox.faults("token", "error200", grant_type="refresh_token", error="invalid_client")
    text = pressed(mara)
    assert "Refreshes are still paused" in text
    assert "TikTok does not accept this app (invalid_client)" in text
    assert events(app) == ["breaker.probed"]


def test_a_probe_with_the_breaker_closed_asks_nobody(
    app: Flask, mara: FlaskClient, sandbox: Sandbox
) -> None:
    assert "Nothing to test: refreshes aren't paused." in pressed(mara)
    assert (sandbox.calls("token.refresh_token"), events(app)) == (0, [])


def test_a_probe_of_nobody_says_so(app: Flask, mara: FlaskClient) -> None:
    opened(app)
    with app.app_context(), writing() as session:
        for user in session.scalars(select(User)):
            user.refresh_token = None
    assert "There's no connection to test with." in pressed(mara)
