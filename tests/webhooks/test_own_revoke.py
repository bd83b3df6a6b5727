"""TikTok's webhook about our own revoke never ends a connection that was made after it."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.forms import the_form
from tests.movable import MovableClock
from tests.walk import connect
from tests.webhooks.notices import TikTok, row_of
from tests.webhooks.test_crossing import disconnect

pytestmark = [pytest.mark.usefixtures("each_database"), pytest.mark.rule(61)]


def test_a_connection_made_a_second_after_a_disconnect_outlives_the_webhook_about_it(
    app: Flask, client: FlaskClient, tiktok: TikTok, mara: str, clock: MovableClock
) -> None:
    clock.advance(minutes=5)
    disconnect(client)
    revoked_at = tiktok.now
    clock.advance(milliseconds=1100)
    assert connect(client).status_code == 303
    for late in (2, 300):
        tiktok.removes(mara, 5, create_time=revoked_at + late)
    assert row_of(app, mara).status == "active"


def test_so_does_one_of_a_person_who_deleted_the_account_and_came_back(
    app: Flask, client: FlaskClient, tiktok: TikTok, mara: str, clock: MovableClock
) -> None:
    form = the_form(client.get("/account/delete").text, "/account/delete")
    sent = form.data() | {"ticket": row_of(app, mara).ticket}
    assert client.post("/account/delete", data=sent).status_code == 303
    clock.advance(seconds=1)
    assert connect(client).status_code == 303
    tiktok.removes(mara, 5, create_time=tiktok.now + 1)
    assert row_of(app, mara).status == "active"


def test_a_revoke_much_later_that_was_none_of_ours_still_counts(
    app: Flask, tiktok: TikTok, mara: str, clock: MovableClock
) -> None:
    clock.advance(minutes=11)
    tiktok.removes(mara, 5)
    assert row_of(app, mara).status == "reconnect"
