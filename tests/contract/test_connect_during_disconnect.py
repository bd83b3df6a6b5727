"""Connecting while a disconnect of the same person is at TikTok, whose revoke ends everything."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.contract.disconnecting import disconnect
from tests.contract.evidence import heading
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import assert_forgotten, assert_holds_what_tiktok_holds, the_row
from tests.services.test_disconnect_waits import until
from tests.walk import begin, come_back, connect, consent
from webapp.tiktok.errors import TryLater
from webapp.tiktok.provider import Provider

pytestmark = pytest.mark.usefixtures("each_database")


def in_thread(act: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(act()))
    thread.start()
    return thread, answers


def slow_disconnect(app: Flask, client: FlaskClient, sandbox: Sandbox) -> threading.Thread:
    """Press "Disconnect", and return while the revoke is on its way to TikTok."""
    sandbox.latency(30, "revoke")
    thread, _answers = in_thread(lambda: disconnect(client))
    until(lambda: the_row(app).status == "revoking")
    return thread


def test_a_grant_that_the_revoke_ended_is_not_kept_and_the_person_is_asked_to_start_again(
    app: Flask, client: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    connect(client)
    clock.advance(minutes=5)
    ending = slow_disconnect(app, client, sandbox)
    clock.advance(seconds=1)
    other = app.test_client()
    connecting_again, answers = in_thread(lambda: come_back(other, consent(begin(other))))
    until(lambda: sandbox.calls("token.authorization_code") == 2)
    sandbox.release()
    ending.join(30)
    connecting_again.join(30)
    answer: TestResponse = answers[0]
    assert answer.status_code == 400
    assert heading(answer.text) == "TikTok didn't accept this sign-in"
    assert_forgotten(the_row(app))
    assert other.get("/account").location == "/"
    assert connect(other).status_code == 303
    assert_holds_what_tiktok_holds(app, sandbox)


def test_a_revoke_that_ended_before_the_answer_came_is_noticed(
    app: Flask, client: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    connect(client)
    clock.advance(minutes=5)
    other = app.test_client()
    callback = consent(begin(other))
    sandbox.latency(30, "token", after=True)
    connecting_again, answers = in_thread(lambda: come_back(other, callback))
    until(lambda: sandbox.calls("token.authorization_code") == 2)
    sandbox.latency(0)
    clock.advance(seconds=1)
    disconnect(client)
    sandbox.release()
    connecting_again.join(30)
    assert answers[0].status_code == 400
    assert_forgotten(the_row(app))


def test_a_grant_that_survived_is_kept(
    app: Flask, client: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    connect(client)
    clock.advance(minutes=5)
    disconnect(client)
    clock.advance(seconds=1)
    assert connect(client).status_code == 303
    assert_holds_what_tiktok_holds(app, sandbox)


def test_a_disconnect_that_does_not_end_keeps_the_person_out_and_leaves_no_grant(
    app: Flask,
    client: FlaskClient,
    sandbox: Sandbox,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(client)
    clock.advance(minutes=5)
    monkeypatch.setattr("webapp.services.connect.connect.PATIENCE", 0.2)
    monkeypatch.setattr(Provider, "revoke", unanswered(Provider.revoke))
    thread, _answers = in_thread(lambda: disconnect(client))
    until(lambda: the_row(app).status == "revoking")
    other = app.test_client()
    refused = connect(other)
    assert refused.status_code == 503
    until(lambda: sandbox.books()[sandbox.open_id("mara")]["ended"] == "revoked")
    HELD.set()
    thread.join(30)


HELD = threading.Event()


def unanswered(real: Callable[..., None]) -> Callable[..., None]:
    """Hold the first revoke until the end of the test, and let it fail; let the others pass."""
    HELD.clear()
    first = [True]

    def revoke(provider: Provider, access_token: str) -> None:
        if first:
            first.clear()
            HELD.wait(20)
            raise TryLater("no_answer")
        real(provider, access_token)

    return revoke
