"""“Renew now” refreshes whatever the schedule says, once, and tells truly what came of it."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.account.people import account, disconnect, mark, notices, press, the_row
from tests.fixtures.app import MakeApp
from tests.forms import the_form
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.walk import connect
from webapp.views.http.template_filters import exact

REFRESH = "/account/refresh"
CALL = "token.refresh_token"


@pytest.mark.usefixtures("each_database")
def test_a_fresh_token_is_refreshed_when_somebody_presses(
    app: Flask, mara: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    before = the_row(app)
    clock.advance(minutes=10)
    told = notices(press(mara, REFRESH))
    after = the_row(app)
    assert after.access_expires_at is not None
    assert told == f"Access was renewed. It works until {exact(after.access_expires_at)}."
    assert after.version == before.version + 1
    assert sandbox.calls(CALL) == 1
    assert notices(account(mara)) == ""


def test_back_off_does_not_bind_whoever_presses(
    app: Flask, mara: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.faults("token", "http500", times=1)
    press(mara, REFRESH)
    assert the_row(app).status == "failing"
    assert "Renew now" in account(mara).text
    assert "Access was renewed." in notices(press(mara, REFRESH))
    assert the_row(app).status == "active"


@pytest.mark.parametrize("fault", ["http500", "html", "throttle", "drop"])
def test_while_tiktok_is_away_it_is_told_until_when_access_works(
    app: Flask, mara: FlaskClient, sandbox: Sandbox, fault: str
) -> None:
    sandbox.faults("token", fault)
    told = notices(press(mara, REFRESH))
    ends = the_row(app).access_expires_at
    assert ends is not None
    assert "TikTok didn't renew access just now." in told
    assert f"It still works until {exact(ends)}." in told
    assert "You don't need to do anything: we'll keep trying." in told
    assert "Reconnect needed" not in account(mara).text


def test_once_access_has_run_out_that_is_said_and_nobody_is_blamed(
    app: Flask, mara: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.faults("token", "http500")
    clock.advance(hours=30)
    mark(app, refresh_expires_at=clock.now.replace(year=2030))
    page = press(mara, REFRESH)
    assert "TikTok didn't renew access just now. It has temporarily expired." in notices(page)
    assert "Access has temporarily expired" in page.text
    assert "sign in again" not in page.text


def test_a_grant_that_tiktok_refuses_twice_leads_to_the_banner(
    app: Flask, mara: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.deauthorize("mara")
    first = press(mara, REFRESH)
    assert "TikTok didn't renew access just now." in notices(first)
    assert "It still works until" in notices(first)
    clock.advance(seconds=61)
    page = press(mara, REFRESH)
    assert "There's nothing to renew. Please reconnect first." in notices(page)
    assert "TikTok needs you to sign in again" in page.text
    assert "because TikTok refused to renew it." in page.text
    assert "Renew now" not in page.text


def test_a_row_that_cannot_be_opened_is_our_fault(
    app: Flask, mara: FlaskClient, sandbox: Sandbox
) -> None:
    mark(app, refresh_token=the_row(app).access_token)
    told = notices(press(mara, REFRESH))
    assert "something is wrong on our side" in told
    assert "TikTok did not" not in told
    assert sandbox.calls(CALL) == 0
    assert the_row(app).status == "active"


def test_what_is_over_cannot_be_refreshed(mara: FlaskClient, sandbox: Sandbox) -> None:
    form = the_form(mara.get("/account").text, "/sign-out")
    disconnect(mara)
    mara.post(REFRESH, data=form.data())
    assert "There's nothing to renew." in notices(account(mara))
    assert sandbox.calls(CALL) == 0
    assert mara.get(REFRESH).status_code == 405


def test_ten_presses_a_minute_are_enough(make_app: MakeApp, sandbox: Sandbox) -> None:
    client = make_app(RATELIMIT_ENABLED="1").test_client()
    connect(client)
    form = the_form(client.get("/account").text, "/sign-out")
    statuses = [client.post(REFRESH, data=form.data()).status_code for _ in range(11)]
    assert statuses == [303] * 10 + [429]
    assert sandbox.calls(CALL) == 10
    assert client.get("/account").status_code == 200
