"""`authorization.removed` forgets the tokens at once, once, and for the right person alone."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.walk import connect
from tests.webhooks.notices import TikTok, row_of
from webapp.database import writing

pytestmark = pytest.mark.usefixtures("each_database")

SEALED = ("access_token", "refresh_token", "access_expires_at", "refresh_expires_at", "next_at")


@pytest.mark.rule(61)
def test_the_tokens_are_forgotten_and_the_person_is_needed(
    app: Flask, tiktok: TikTok, mara: str, clock: MovableClock
) -> None:
    before = row_of(app, mara)
    clock.advance(hours=3)
    tiktok.removes(mara, create_time=tiktok.now - 600)
    after = row_of(app, mara)
    assert [getattr(after, name) for name in SEALED] == [None] * len(SEALED)
    assert (after.status, after.reason) == ("reconnect", "removed_1")
    assert after.ended_at == clock() - timedelta(seconds=600)
    assert (after.claim, after.failures, after.refused_at) == (None, 0, None)
    assert after.version == before.version + 1


@pytest.mark.rule(61)
def test_twice_is_once(app: Flask, tiktok: TikTok, mara: str, clock: MovableClock) -> None:
    tiktok.removes(mara, 2)
    once = row_of(app, mara)
    clock.advance(hours=1)
    for reason in (2, 4):
        tiktok.removes(mara, reason)
    twice = row_of(app, mara)
    assert (twice.version, twice.reason) == (once.version, "removed_2")
    assert twice.ended_at == once.ended_at


@pytest.mark.rule(60)
@pytest.mark.parametrize(
    ("told", "kept"), [(5, "removed_5"), (99, "removed_0"), (None, "removed_0")]
)
def test_any_reason_is_kept_as_one_that_has_words(
    app: Flask, tiktok: TikTok, mara: str, clock: MovableClock, told: object, kept: str
) -> None:
    clock.advance(hours=1)
    tiktok.removes(mara, told)
    after = row_of(app, mara)
    assert (after.access_token, after.status, after.reason) == (None, "reconnect", kept)


@pytest.mark.rule(61)
def test_what_is_older_than_the_last_connect_is_ignored(
    app: Flask, tiktok: TikTok, mara: str, clock: MovableClock
) -> None:
    removed_at = tiktok.now
    clock.advance(minutes=5)
    assert connect(app.test_client()).status_code == 303
    before = row_of(app, mara)
    tiktok.removes(mara, create_time=removed_at)
    tiktok.removes(mara, create_time=tiktok.now - 1)
    # TikTok's clock may be half a minute ahead of ours.
    tiktok.removes(mara, create_time=tiktok.now + 29)
    assert row_of(app, mara).version == before.version
    tiktok.removes(mara, create_time=str(tiktok.now + 30))
    assert row_of(app, mara).status == "reconnect"


@pytest.mark.rule(61)
def test_within_the_second_of_the_connect_it_counts(
    app: Flask, tiktok: TikTok, client: FlaskClient, sandbox: Sandbox, clock: MovableClock
) -> None:
    clock.advance(milliseconds=900)
    connect(client)
    mara = sandbox.open_id("mara")
    assert row_of(app, mara).connected_at == clock()
    tiktok.removes(mara, create_time=tiktok.now)
    assert row_of(app, mara).status == "reconnect"


@pytest.mark.rule(61)
def test_a_foreign_key_and_a_foreign_person_are_ignored(
    app: Flask, tiktok: TikTok, mara: str
) -> None:
    before = row_of(app, mara)
    for key in ("another-key", "", None, 7):
        tiktok.removes(mara, client_key=key)
    for person in ("-000nobody", mara.upper(), "", None, 7, "\x00", "\ud800", "é", "x" * 5000):
        tiktok.removes(str(person), user_openid=person)
    assert row_of(app, mara).version == before.version


@pytest.mark.rule(61)
def test_a_row_of_a_former_key_is_left_alone(app: Flask, tiktok: TikTok, mara: str) -> None:
    with app.app_context(), writing() as session:
        session.merge(row_of(app, mara)).client_key = "former-key"
    before = row_of(app, mara)
    for key in ("former-key", None):
        tiktok.removes(mara, **{"client_key": key} if key else {})
    assert row_of(app, mara).version == before.version


@pytest.mark.rule(61)
def test_it_tells_more_than_a_refusal_that_came_before(
    app: Flask, tiktok: TikTok, mara: str, clock: MovableClock
) -> None:
    with app.app_context(), writing() as session:
        row = session.merge(row_of(app, mara))
        row.status, row.reason, row.ended_at = "reconnect", "refused", clock()
        row.next_at, row.last_error = None, "invalid_grant"
    since = clock()
    clock.advance(hours=1)
    tiktok.removes(mara)
    after = row_of(app, mara)
    assert (after.reason, after.ended_at, after.access_token) == ("removed_1", since, None)
    assert after.last_error is None
