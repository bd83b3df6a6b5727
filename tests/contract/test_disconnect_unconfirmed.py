"""Whatever TikTok answers to a revoke, our half is done, and the page says which half worked.

Where it does not answer, it is notified again for a day (docs/decisions), then that ends too.
"""

import base64
import secrets
from datetime import timedelta
from functools import partial
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.contract.disconnecting import disconnect
from tests.fixtures.app import MakeApp
from tests.forms import the_form
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import (
    assert_forgotten,
    assert_holds_what_tiktok_holds,
    rows,
    runtime_of,
    the_row,
)
from tests.walk import connect
from webapp.services.worker.worker import Worker
from webapp.tiktok.transport import Transport


def work_when_due(app: Flask, clock: MovableClock) -> None:
    """Let time pass until the only row is due, and a worker see to it."""
    due = the_row(app).next_at
    assert due is not None
    clock.advance(max(due - clock(), timedelta(0)))
    with app.app_context():
        Worker(runtime_of(app), app.app_context).run(once=True)


@pytest.fixture
def connected(client: FlaskClient) -> FlaskClient:
    """A browser of a person who has connected."""
    assert connect(client).status_code == 303
    return client


@pytest.mark.rule(40, 42)
@pytest.mark.parametrize("error", ["invalid_client", "invalid_request", "access_token_invalid"])
def test_a_no_is_told_and_forgotten_all_the_same(
    connected: FlaskClient, app: Flask, sandbox: Sandbox, error: str
) -> None:
    sandbox.faults("revoke", "error200", error=error, status=400)
    told = disconnect(connected)
    assert (told.confirmed, told.waits) == (False, False)
    assert_forgotten(the_row(app))


@pytest.mark.rule(40, 42)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("http500", {}),
        ("html", {}),
        ("html", {"status": 502}),
        ("drop", {}),
        ("drop", {"after": True}),
        ("throttle", {}),
        ("redirect", {}),
        ("raw", {"body": "null"}),
        ("raw", {"body": "ok"}),
        ("raw", {"body": "{}", "status": 500}),
        ("raw", {"body": "", "status": 404}),
        ("error200", {"error": "server_error"}),
    ],
)
def test_what_is_no_answer_is_told_and_asked_for_again(
    connected: FlaskClient,
    app: Flask,
    sandbox: Sandbox,
    clock: MovableClock,
    kind: str,
    options: dict[str, Any],
) -> None:
    sandbox.faults("revoke", kind, times=1, **options)
    assert disconnect(connected).waits
    user = the_row(app)
    assert (user.status, user.claim) == ("revoking", None)
    assert sandbox.calls("revoke") == 1
    work_when_due(app, clock)
    assert_forgotten(the_row(app))
    assert sandbox.books()[user.open_id]["ended"] == "revoked"
    assert sandbox.counters()["trap_hits"] == 0


@pytest.mark.rule(40)
@pytest.mark.usefixtures("each_database")
def test_after_a_day_without_an_answer_all_is_wiped(
    connected: FlaskClient, app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.faults("revoke", "http500")
    assert disconnect(connected).waits
    for _try in range(3):
        work_when_due(app, clock)
        assert the_row(app).status == "revoking"
    clock.advance(hours=24)
    work_when_due(app, clock)
    assert_forgotten(the_row(app))


@pytest.mark.rule(40)
@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize("error", ["invalid_grant", "invalid_client"])
def test_a_refresh_that_is_refused_on_the_way_is_told_and_forgotten(
    connected: FlaskClient, app: Flask, sandbox: Sandbox, clock: MovableClock, error: str
) -> None:
    sandbox.faults("token", "error200", error=error, grant_type="refresh_token")
    clock.advance(hours=2)
    told = disconnect(connected)
    assert (told.confirmed, told.waits) == (False, False)
    assert_forgotten(the_row(app))
    assert (sandbox.calls("token.refresh_token"), sandbox.calls("revoke")) == (1, 0)


@pytest.mark.rule(40)
@pytest.mark.usefixtures("each_database")
def test_a_refresh_without_an_answer_on_the_way_is_tried_again(
    connected: FlaskClient, app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.faults("token", "http500", grant_type="refresh_token", times=1)
    clock.advance(hours=2)
    assert disconnect(connected).waits
    open_id = the_row(app).open_id
    work_when_due(app, clock)
    assert_forgotten(the_row(app))
    assert sandbox.books()[open_id]["ended"] == "revoked"
    assert sandbox.counters()["spent_refresh_tokens_seen"] == 0


@pytest.mark.rule(40)
@pytest.mark.usefixtures("each_database")
def test_a_renewed_pair_is_kept_until_the_revoke_is_answered(
    connected: FlaskClient, app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.faults("revoke", "http500", times=1)
    clock.advance(hours=2)
    assert disconnect(connected).waits
    assert_holds_what_tiktok_holds(app, sandbox)
    work_when_due(app, clock)
    assert_forgotten(the_row(app))
    assert sandbox.counters()["spent_refresh_tokens_seen"] == 0


@pytest.mark.rule(40)
def test_who_removed_us_at_tiktok_is_forgotten_here(
    connected: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.deauthorize("mara")
    disconnect(connected)
    assert_forgotten(the_row(app))


@pytest.mark.rule(28, 40)
def test_a_silent_tiktok_is_not_waited_for_for_ever(
    make_app: MakeApp, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.tiktok.transport.Transport", partial(Transport, seconds=1.0))
    app = make_app()
    client = app.test_client()
    connect(client)
    sandbox.faults("revoke", "timeout")
    assert disconnect(client).waits
    assert the_row(app).status == "revoking"


@pytest.mark.rule(40)
@pytest.mark.usefixtures("each_database")
def test_a_row_whose_key_is_gone_is_forgotten(
    connected: FlaskClient, make_app: MakeApp, sandbox: Sandbox
) -> None:
    other_key = base64.b64encode(secrets.token_bytes(32)).decode()
    app = make_app(TOKEN_KEYS=other_key)
    client = app.test_client()
    cookie = connected.get_cookie("session")
    assert cookie is not None
    client.set_cookie("session", cookie.value)
    assert not disconnect(client).confirmed
    assert_forgotten(the_row(app))
    assert sandbox.calls("revoke") == 0


@pytest.mark.rule(40)
def test_deleting_tells_which_half_worked_too(
    connected: FlaskClient, app: Flask, sandbox: Sandbox
) -> None:
    sandbox.faults("revoke", "http500", times=1)
    for confirmed in (False, True):
        ticket = the_row(app).ticket
        form = the_form(connected.get("/account/delete").text, "/account/delete")
        answer = connected.post("/account/delete", data=form.data(ticket=ticket))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/")
        page = unescape(connected.get("/").text)
        assert "Your account is deleted" in page
        assert ("TikTok didn't confirm" in page) is not confirmed
        assert rows(app) == []
        connect(connected)
