"""What people do in their browsers, and TikTok at its door: who, on whom and from where."""

from collections.abc import Mapping

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.account.people import disconnect, mark, press
from tests.audit.telling import HERE, Told, by_person, told
from tests.fixtures.app import MakeApp
from tests.forms import forms, the_form
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.walk import begin, come_back, connect, consent
from tests.webhooks.notices import TikTok
from webapp.models import User
from webapp.services.refresh import claims
from webapp.services.worker.worker import Worker

BASIC = "user.info.basic"


@pytest.mark.audit("connection.connected")
def test_who_connects_is_the_person_it_turns_out_to_be(
    app: Flask, client: FlaskClient, mara: User
) -> None:
    assert told(app, "connection.connected") == [by_person(mara.ticket, kind="new", scopes=BASIC)]
    disconnect(client)
    connect(client)
    assert told(app, "connection.connected")[1:] == [
        by_person(mara.ticket, kind="again", scopes=BASIC)
    ]


def test_another_account_in_the_same_browser_is_another_person(
    app: Flask, client: FlaskClient, mara: User
) -> None:
    callback = consent(begin(client, another_account=True), "tomas")
    come_back(client, callback)
    first, second = told(app, "connection.connected")
    assert first == by_person(mara.ticket, kind="new", scopes=BASIC)
    assert second.who == second.on != mara.ticket


@pytest.mark.audit("connection.refreshed")
def test_a_refresh_that_somebody_asked_for_is_told(
    app: Flask, client: FlaskClient, mara: User
) -> None:
    press(client, "/account/refresh")
    assert told(app, "connection.refreshed") == [by_person(mara.ticket, version=2)]


@pytest.mark.audit("connection.refresh_failed")
def test_a_refresh_that_failed_before_somebody_is_told(
    app: Flask, client: FlaskClient, sandbox: Sandbox, mara: User
) -> None:
    sandbox.faults("token", "http500")
    press(client, "/account/refresh")
    (event,) = told(app, "connection.refresh_failed")
    assert event == by_person(mara.ticket, verdict=event.fields["verdict"], code="server_error")
    assert event.fields["verdict"] in ("transient", "ambiguous")


@pytest.mark.audit("connection.reconnect_required")
@pytest.mark.usefixtures("sandbox")
def test_the_worker_is_told_to_have_found_a_grant_that_is_over(app: Flask, mara: User) -> None:
    mark(app, refresh_expires_at=mara.connected_at, next_at=mara.connected_at)
    with app.app_context():
        Worker(app.extensions["coatcheck"], app.app_context).run(once=True)
    assert told(app, "connection.reconnect_required") == [
        Told("worker", "", mara.ticket, "", {"reason": "grant_over", "code": ""})
    ]


@pytest.mark.audit("connection.reconnect_required")
def test_the_worker_is_told_to_have_been_refused_and_with_which_code(
    app: Flask, sandbox: Sandbox, clock: MovableClock, mara: User
) -> None:
    sandbox.control("deauthorize", open_id=mara.open_id)
    for _look in range(2):
        mark(app, next_at=clock())
        with app.app_context():
            Worker(app.extensions["coatcheck"], app.app_context).run(once=True)
        clock.advance(minutes=1, seconds=1)
    assert told(app, "connection.reconnect_required") == [
        Told("worker", "", mara.ticket, "", {"reason": "refused", "code": "invalid_grant"})
    ]


@pytest.mark.audit("connection.deauthorized")
def test_a_removal_at_tiktok_is_tiktoks(app: Flask, mara: User, tiktok: TikTok) -> None:
    tiktok.removes(mara.open_id, reason=1)
    assert told(app, "connection.deauthorized") == [
        Told("tiktok", "", mara.ticket, HERE, {"reason": "removed_1"})
    ]


@pytest.mark.audit("connection.disconnect_ordered")
@pytest.mark.audit("connection.revoked")
def test_a_disconnect_is_told_when_ordered_and_when_done(
    app: Flask, client: FlaskClient, mara: User
) -> None:
    disconnect(client)
    assert told(app, "connection.disconnect_ordered") == [by_person(mara.ticket)]
    assert told(app, "connection.revoked") == [by_person(mara.ticket, confirmed=True, code="")]


@pytest.mark.audit("connection.deleted")
def test_a_deleted_account_leaves_its_ticket_alone(
    app: Flask, client: FlaskClient, mara: User
) -> None:
    form = the_form(client.get("/account/delete").text, "/account/delete")
    client.post("/account/delete", data=form.data() | {"ticket": mara.ticket})
    assert told(app, "connection.deleted") == [by_person(mara.ticket)]


@pytest.mark.audit("account.exported")
def test_taking_ones_own_data_is_told(app: Flask, client: FlaskClient, mara: User) -> None:
    assert client.get("/account/export").status_code == 200
    assert told(app, "account.exported") == [by_person(mara.ticket)]


@pytest.mark.audit("account.signed_out_everywhere")
def test_signing_out_everywhere_is_told(app: Flask, client: FlaskClient, mara: User) -> None:
    form = the_form(client.get("/account/sessions").text, "/sign-out/everywhere")
    client.post("/sign-out/everywhere", data=form.data())
    assert told(app, "account.signed_out_everywhere") == [by_person(mara.ticket)]


@pytest.mark.audit("account.signed_out_one")
@pytest.mark.audit("account.signed_out_others")
def test_signing_other_browsers_out_is_told(app: Flask, client: FlaskClient, mara: User) -> None:
    connect(app.test_client())
    page = client.get("/account/sessions").text
    there = next(form for form in forms(page)[::-1] if form.action.endswith("/sign-out"))
    client.post(there.action, data=there.data())
    assert told(app, "account.signed_out_one") == [by_person(mara.ticket)]
    connect(app.test_client())
    form = the_form(client.get("/account/sessions").text, "/sign-out/others")
    client.post("/sign-out/others", data=form.data())
    assert told(app, "account.signed_out_others") == [by_person(mara.ticket)]


def test_the_address_is_the_one_that_proxies_vouch_for(
    make_app: MakeApp, sandbox: Sandbox, env: Mapping[str, str]
) -> None:
    app = make_app(PROXY_HOPS="1")
    client = app.test_client()
    client.environ_base["REMOTE_ADDR"] = "198.51.100.7"
    connect(client)
    assert [each.address for each in told(app, "connection.connected")] == ["198.51.100.7"]


@pytest.mark.usefixtures("mara")
def test_what_the_worker_does_by_itself_is_counted_and_not_told(
    app: Flask, sandbox: Sandbox
) -> None:
    with app.app_context():
        runtime = app.extensions["coatcheck"]
        mark(app, next_at=runtime.clock())
        Worker(runtime, app.app_context).run(once=True)
        assert claims.claim_due(runtime, 1, runtime.clock()) == []
    assert sandbox.calls("token.refresh_token") == 1
    assert told(app, "connection.refreshed") == []
