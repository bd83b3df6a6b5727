"""Two sign-ins of one person at the same time: the later exchange is kept, in whatever order."""

import threading
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.grants import given, join
from tests.services.holding import assert_holds_what_tiktok_holds, runtime_of, the_row
from tests.services.test_disconnect_waits import until
from tests.walk import begin, come_back, consent
from webapp.services.connect.connect import DifferentAccount, NotStored, connect_person
from webapp.services.refresh import rescue_file

pytestmark = pytest.mark.usefixtures("each_database")


def test_an_exchange_that_is_answered_late_does_not_replace_a_later_one(
    app: Flask, client: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    other = app.test_client()
    first, second = consent(begin(client)), consent(begin(other))
    answers: list[TestResponse] = []
    sandbox.latency(30, "token", after=True)
    slow = threading.Thread(target=lambda: answers.append(come_back(client, first)))
    slow.start()
    until(lambda: sandbox.calls("token.authorization_code") == 1)
    sandbox.latency(0)
    clock.advance(seconds=1)
    assert come_back(other, second).status_code == 303
    stored = the_row(app)
    sandbox.release()
    slow.join(30)
    assert answers[0].status_code == 303, "the person has proved who they are"
    assert client.get("/account").status_code == 200
    assert the_row(app).version == stored.version
    assert_holds_what_tiktok_holds(app, sandbox)


def test_the_older_of_two_exchanges_is_not_kept_either_when_it_ends_in_another_account(
    app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    runtime = runtime_of(app)
    with app.app_context():
        older = replace(given(sandbox, clock()), sent_at=clock())
        clock.advance(seconds=1)
        join(runtime, replace(given(sandbox, clock()), sent_at=clock()))
        with pytest.raises(DifferentAccount):
            connect_person(runtime, older, [], "somebody-else", clock())
    assert_holds_what_tiktok_holds(app, sandbox)


def test_the_later_exchange_is_kept_although_it_was_sent_before_the_other_was_stored(
    app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    runtime = runtime_of(app)
    with app.app_context():
        first = replace(given(sandbox, clock()), sent_at=clock())
        clock.advance(seconds=1)
        second = replace(given(sandbox, clock()), sent_at=clock())
        clock.advance(seconds=1)
        join(runtime, first)
        join(runtime, second)
    assert_holds_what_tiktok_holds(app, sandbox)


def test_an_older_exchange_that_cannot_be_stored_is_neither_rescued_nor_given_back(
    app: Flask, sandbox: Sandbox, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = runtime_of(app)

    def refused(*_words: object) -> None:
        raise OperationalError("COMMIT", None, Exception("made up"))

    with app.app_context():
        older = replace(given(sandbox, clock()), sent_at=clock())
        clock.advance(seconds=1)
        join(runtime, replace(given(sandbox, clock()), sent_at=clock()))
        monkeypatch.setattr("webapp.services.connect.connect._store", refused)
        with pytest.raises(NotStored):
            join(runtime, older)
        assert rescue_file.replay(runtime).stored == 0
    assert_holds_what_tiktok_holds(app, sandbox)
    assert sandbox.books()[the_row(app).open_id]["ended"] is None
