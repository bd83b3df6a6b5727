"""A notice that crosses a disconnect, a refresh or a reconnect leaves what the last one wished."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.forms import the_form
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.walk import connect
from tests.webhooks.notices import TikTok, row_of, runtime_of
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.attempt import attempt
from webapp.services.refresh.claims import claim_one

pytestmark = pytest.mark.usefixtures("each_database")


def disconnect(client: FlaskClient) -> None:
    """Disconnect as a person does."""
    form = the_form(client.get("/account/disconnect").text, "/account/disconnect")
    assert client.post("/account/disconnect", data=form.data()).status_code == 303


@pytest.mark.rule(61)
def test_whoever_disconnected_here_stays_disconnected(
    app: Flask, client: FlaskClient, tiktok: TikTok, mara: str
) -> None:
    disconnect(client)
    before = row_of(app, mara)
    for reason in (5, 1):
        tiktok.removes(mara, reason)
    after = row_of(app, mara)
    assert (after.status, after.reason) == ("revoked", None)
    assert after.version == before.version
    assert "You're not connected" in client.get("/account").text


@pytest.mark.rule(61)
def test_it_answers_a_disconnect_that_still_waits(
    app: Flask, client: FlaskClient, sandbox: Sandbox, tiktok: TikTok, mara: str
) -> None:
    sandbox.faults("revoke", "http500")
    disconnect(client)
    assert row_of(app, mara).status == "revoking"
    tiktok.removes(mara, 5)
    after = row_of(app, mara)
    assert (after.status, after.reason, after.access_token) == ("revoked", None, None)
    assert (after.refresh_token, after.next_at) == (None, None)


@pytest.mark.rule(61)
def test_a_refresh_under_way_does_not_bring_the_connection_back(
    app: Flask, sandbox: Sandbox, tiktok: TikTok, mara: str, clock: MovableClock
) -> None:
    runtime, row = runtime_of(app), row_of(app, mara)
    with app.app_context():
        claim = claim_one(runtime, row.ref, clock())
        assert claim is not None
        result = attempt(runtime, claim)
        # TikTok's consent still stands, so that an orphan would be seen to live on.
        tiktok.removes(mara)
        assert store_answers(runtime, [result]) == [False]
    after = row_of(app, mara)
    assert (after.status, after.reason, after.access_token) == ("reconnect", "removed_1", None)
    assert sandbox.books()[mara]["ended"] == "revoked"


@pytest.mark.rule(61)
def test_a_refresh_that_fails_because_of_it_is_not_written_down(
    app: Flask, sandbox: Sandbox, tiktok: TikTok, mara: str, clock: MovableClock
) -> None:
    runtime, row = runtime_of(app), row_of(app, mara)
    sandbox.deauthorize("mara")
    with app.app_context():
        claim = claim_one(runtime, row.ref, clock())
        assert claim is not None
        result = attempt(runtime, claim)
        tiktok.removes(mara, 3)
        store_answers(runtime, [result])
    after = row_of(app, mara)
    assert (after.status, after.reason, after.failures) == ("reconnect", "removed_3", 0)
    assert after.last_error is None
    assert after.next_at is None


@pytest.mark.rule(61)
def test_a_late_answer_never_costs_whoever_has_connected_again(
    app: Flask, sandbox: Sandbox, tiktok: TikTok, mara: str, clock: MovableClock
) -> None:
    runtime, row = runtime_of(app), row_of(app, mara)
    with app.app_context():
        claim = claim_one(runtime, row.ref, clock())
        assert claim is not None
        result = attempt(runtime, claim)
        tiktok.removes(mara)
        clock.advance(seconds=5)
        assert connect(app.test_client()).status_code == 303
        assert store_answers(runtime, [result]) == [False]
    assert row_of(app, mara).status == "active"
    assert sandbox.books()[mara]["ended"] is None
    assert sandbox.calls("revoke") == 0
