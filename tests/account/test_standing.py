"""The account page says how the connection stands: the cause, since when, and until when."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.account.people import account, disconnect, mark, notices, the_row
from tests.fixtures.app import MakeApp
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.views.reading import JARGON, long_sentences
from tests.walk import connect
from webapp import language
from webapp.database import writing
from webapp.models import Reason, ServiceKey, ServiceUse
from webapp.views.http.ending_texts import ENDINGS


def test_every_reason_has_words() -> None:
    assert set(ENDINGS) == {reason.value for reason in Reason}


@pytest.mark.parametrize("reason", Reason)
def test_a_reason_is_told_on_the_next_visit(
    app: Flask, mara: FlaskClient, clock: MovableClock, reason: Reason
) -> None:
    mark(app, status="reconnect", reason=reason.value, ended_at=clock(), next_at=None)
    clock.advance(hours=5)
    page = account(mara)
    because = ENDINGS[reason.value].because
    assert f"Access stopped working 5 hours ago because {because}." in notices(page)
    assert "Nothing you've saved is lost." in notices(page)
    assert "Last connected" in page.text
    assert not JARGON.findall(page.text)
    assert not long_sentences(page)


def test_a_connection_whose_time_is_over_says_so_before_any_worker_came(
    app: Flask, mara: FlaskClient, clock: MovableClock
) -> None:
    ends = the_row(app).refresh_expires_at
    assert ends is not None
    clock.now = ends + timedelta(days=2)
    mark(app, access_expires_at=clock())
    connect(other := app.test_client())
    assert account(other).text.count("Reconnect needed") == 0
    mark(app, refresh_expires_at=ends)
    told = notices(account(other))
    assert "Access stopped working 2 days ago because the connection reached" in told


@pytest.mark.parametrize(
    ("left", "warned"), [(timedelta(days=30), False), (timedelta(days=30, seconds=-1), True)]
)
def test_the_date_of_tiktoks_answer_is_a_warning_from_30_days_before(
    make_app: MakeApp, sandbox: Sandbox, clock: MovableClock, left: timedelta, *, warned: bool
) -> None:
    sandbox.lifetimes(refresh_expires_in=int(left.total_seconds()))
    client = make_app().test_client()
    connect(client)
    date = language.day(clock() + left)
    told = notices(account(client))
    assert (f"Reconnect by {date}" in told) is warned
    assert language.medium_day(clock() + left) in account(client).text


@pytest.mark.parametrize(("days", "tone"), [(29, "info"), (6, "warn"), (0, "bad")])
def test_the_warning_grows_a_week_and_a_day_before(
    app: Flask, mara: FlaskClient, clock: MovableClock, days: int, tone: str
) -> None:
    mark(app, refresh_expires_at=clock() + timedelta(days=days, hours=5))
    page = account(mara)
    assert "Reconnect by" in notices(page)
    assert [e.classes for e in page.elements if "state" in e.classes] == [["state", tone]]


def test_a_disconnect_without_an_answer_is_told_as_half_done(
    app: Flask, mara: FlaskClient, sandbox: Sandbox
) -> None:
    sandbox.faults("revoke", "http500")
    page = disconnect(mara)
    assert (
        "Disconnected here. TikTok didn't respond; we'll keep trying for 24 hours. You "
        "can also remove our access in the TikTok app." in notices(page)
    )
    assert the_row(app).status == "revoking"
    assert [e.classes for e in page.elements if "notice" in e.classes] == [["notice", "warn"]]
    again = account(mara)
    assert "TikTok hasn't confirmed the disconnect yet" in notices(again)
    for later in (page, again):
        assert "Connect again" in later.text
        assert "Disconnected" in later.text
        assert "kept only until TikTok is notified" in later.text
        assert "Renew now" not in later.text


def test_a_disconnect_that_tiktok_refuses_is_told_too(mara: FlaskClient, sandbox: Sandbox) -> None:
    sandbox.faults("revoke", "error200", error="invalid_client")
    told = notices(disconnect(mara))
    assert "our access key is deleted. TikTok didn't confirm the disconnection." in told


def test_a_disconnect_that_tiktok_confirms_is_told_in_full(mara: FlaskClient) -> None:
    page = disconnect(mara)
    assert "Disconnected. TikTok confirmed it." in notices(page)
    assert "Access key\ndeleted" in page.text


def test_the_services_that_used_it_are_named_the_latest_first(
    app: Flask, mara: FlaskClient, clock: MovableClock
) -> None:
    assert "Last used\nnot yet" in account(mara).text
    user = the_row(app)
    with app.app_context(), writing() as session:
        for number, name in enumerate(("studio-prod", "<b>reports</b>")):
            key = {"id": str(number), "name": name, "digest": name, "created_at": clock()}
            session.add(ServiceKey(**key))
            at = clock() + timedelta(hours=number)
            session.add(
                ServiceUse(user_id=user.id, key_id=str(number), first_at=clock(), last_at=at)
            )
    clock.advance(hours=4)
    page = account(mara)
    assert "Last used\n3 hours ago" in page.text
    assert "<b>reports</b> Last used 3 hours ago\nstudio-prod Last used 4 hours ago" in page.text
    disconnect(mara)
    assert "<b>reports</b> Last used 3 hours ago" in account(mara).text


def test_the_download_says_why_access_ended(app: Flask, mara: FlaskClient) -> None:
    since = the_row(app).connected_at
    mark(app, status="reconnect", reason="removed_1", ended_at=since)
    told = mara.get("/account/export").get_json()
    assert told["access_ended_because"] == "removed_1"
    assert told["access_ended"] == since.isoformat()
