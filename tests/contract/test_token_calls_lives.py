"""How long tokens live is what the answer says, counted from its receipt."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import assert_holds_what_tiktok_holds, the_row
from tests.walk import begin, come_back, connect, consent


@pytest.mark.rule(29)
@pytest.mark.usefixtures("each_database")
@pytest.mark.parametrize("life", [7200, 86_400])
def test_an_expiry_is_the_receipt_plus_the_seconds(
    client: FlaskClient, app: Flask, sandbox: Sandbox, clock: MovableClock, life: int
) -> None:
    sandbox.lifetimes(expires_in=life, refresh_expires_in=15_552_000)
    location = begin(client)
    clock.advance(minutes=9)
    come_back(client, consent(location))
    user = the_row(app)
    assert user.access_expires_at == clock() + timedelta(seconds=life)
    assert user.refresh_expires_at == clock() + timedelta(days=180)
    assert user.access_expires_at.utcoffset() == timedelta(0)
    assert user.connected_at == clock()
    assert_holds_what_tiktok_holds(app, sandbox)


@pytest.mark.rule(30)
@pytest.mark.parametrize(("sent", "life"), [("7200", 7200), ("86400.0", 86_400), (7200.9, 7200)])
def test_a_life_may_be_a_numeric_string(
    client: FlaskClient,
    app: Flask,
    sandbox: Sandbox,
    clock: MovableClock,
    sent: object,
    life: int,
) -> None:
    sandbox.faults("token", "answer", answer={"expires_in": sent, "refresh_expires_in": sent})
    assert connect(client).status_code == 303
    assert the_row(app).access_expires_at == clock() + timedelta(seconds=life)
    assert the_row(app).refresh_expires_at == clock() + timedelta(seconds=life)


@pytest.mark.parametrize("sent", ["$delete", None, "soon", 0])
def test_an_unknown_end_of_the_grant_is_left_open(
    client: FlaskClient, app: Flask, sandbox: Sandbox, sent: object
) -> None:
    sandbox.faults("token", "answer", answer={"refresh_expires_in": sent})
    assert connect(client).status_code == 303
    assert the_row(app).refresh_expires_at is None
    assert client.get("/account").status_code == 200


@pytest.mark.rule(29)
def test_the_account_page_follows_the_clock(
    client: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.lifetimes(expires_in=7200, refresh_expires_in=8 * 3600)
    connect(client)
    assert "Access expired" not in client.get("/account").text
    clock.advance(hours=2)
    assert "Access expired" in client.get("/account").text
    clock.advance(hours=6)
    assert "TikTok needs you to sign in again" in client.get("/account").text
