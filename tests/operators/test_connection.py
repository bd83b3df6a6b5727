"""The page of one connection: all that is known of it, why what is next, and never a token."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.fixtures.app import MakeApp
from tests.movable import MovableClock
from tests.operators.one import OWN_ID, Desk, desk
from tests.servers import Sandbox
from tests.views.connections import connection, runtime_of
from webapp.database import writing
from webapp.models import Brakes, Health, Installation
from webapp.services.refresh.on_demand import fresh_access

PLACES = ("/operators/tokens/{}", "/operators/tokens/{}/disconnect")
ODD = (
    *("-000nobody", "nobody", "%00", "a%00b", "%E9", "..%2F", "%F0%9F%8E%9F", "x" * 2000),
    *("-", "'; DROP TABLE users --", "0", "%ED%A0%80"),
)


@pytest.fixture
def jo(app: Flask, sandbox: Sandbox) -> Desk:
    """An operator before the connection of someone else."""
    return desk(app, sandbox)


@pytest.mark.usefixtures("each_database")
def test_the_page_tells_what_is_known_and_no_token(jo: Desk) -> None:
    html = jo.client.get(jo.address).text
    page, row = jo.page(), jo.row()
    runtime = runtime_of(jo.app)
    held = runtime.vault.load(row)
    assert held is not None
    for word in (
        *("Healthy", row.open_id, row.ticket, "user.info.basic", "video.list"),
        *(str(runtime.vault.fingerprint(row)), f"{runtime.settings.public_origin}/connect"),
        *("between 50% and 75%", "Connected with 1 of 2 permissions", "No service has used"),
    ):
        assert word in page.text, word
    for token in (held.access_token, held.refresh_token, row.access_token, row.refresh_token):
        assert str(token) not in html
    assert "This is your own connection." not in page.text
    assert f'href="/operators/audit?on={row.ticket}"' in html


@pytest.mark.usefixtures("each_database")
def test_an_open_id_that_nobody_has_is_no_page_whatever_its_shape(jo: Desk) -> None:
    for odd in ODD:
        for place in PLACES:
            assert jo.client.get(place.format(odd)).status_code == 404, odd


def test_a_connection_of_another_tiktok_app_is_not_shown(jo: Desk) -> None:
    jo.mark(client_key="another-app")
    assert jo.client.get(jo.address).status_code == 404


def test_ones_own_connection_is_named_so(jo: Desk) -> None:
    jo.open_id = OWN_ID
    assert "This is your own connection." in jo.page().text
    assert "Became operator" in jo.page().text
    confirm = jo.client.get(f"{jo.address}/disconnect").text
    assert "This is your own connection. You'll stay signed in" in confirm


@pytest.mark.parametrize(
    ("columns", "said", "unusable"),
    [
        ({"status": "failing", "failures": 3}, "backoff after 3 failures", []),
        ({"claim": "x"}, "being refreshed now", []),
        ({"next_at": -60}, "the worker takes it next", []),
        ({"next_at": 10**7}, "no service uses it, so it's only kept alive", []),
        (
            {"status": "reconnect", "reason": "removed_1", "next_at": None},
            "only the person can fix it",
            ["Refresh now", "Test with TikTok"],
        ),
        (
            {"refresh_expires_at": -60},
            "only the person can fix it",
            ["Refresh now", "Test with TikTok"],
        ),
        (
            {"status": "revoking"},
            "next attempt to notify TikTok",
            ["Refresh now", "Test with TikTok", "Disconnect…"],
        ),
        (
            {"status": "revoked", "access_token": None, "next_at": None},
            "disconnected",
            ["Refresh now", "Test with TikTok", "Disconnect…"],
        ),
    ],
)
def test_what_is_next_has_its_reason_and_what_cannot_help_is_left_out(
    jo: Desk, clock: MovableClock, columns: dict[str, Any], said: str, unusable: list[str]
) -> None:
    moments = {
        name: clock() + timedelta(seconds=value)
        for name, value in columns.items()
        if isinstance(value, int) and name != "failures"
    }
    jo.mark(**columns | moments)
    page = jo.page()
    assert said in page.text
    assert unusable_on(page) == unusable


def unusable_on(page: Any) -> list[str]:
    """What is not offered; if anything is, the state on top must say why."""
    offered = {each.text for each in page.all("button") + page.all("a")}
    missing = [
        words
        for words in ("Refresh now", "Test with TikTok", "Disconnect…")
        if words not in offered
    ]
    states = [each.text for each in page.all("section") if "state" in each.classes]
    assert not missing or len(states) == 1
    return missing


def test_while_the_breaker_is_open_a_refresh_waits_and_a_test_does_not(
    jo: Desk, clock: MovableClock
) -> None:
    with jo.app.app_context(), writing() as session:
        key = runtime_of(jo.app).settings.tiktok_client_key
        breaker = session.get(Brakes, key) or Brakes(client_key=key)
        breaker.open_reason, breaker.open_code = "config", "invalid_client"
        breaker.open_since = clock()
        breaker.probe_at = clock() + timedelta(seconds=30)
        session.add(breaker)
    page = jo.page()
    assert "Refreshes are paused until" in page.text
    assert "TikTok doesn't accept this app (invalid_client)" in page.text
    assert unusable_on(page) == ["Refresh now"]
    assert "Refreshes are paused until" in jo.post("refresh").text
    assert jo.sandbox.calls("token.refresh_token") == 0
    jo.mark(access_expires_at=clock())
    assert unusable_on(jo.page()) == ["Refresh now", "Test with TikTok"]


def test_where_the_database_is_a_copy_nothing_can_be_pressed_and_it_is_said_why(
    jo: Desk, clock: MovableClock
) -> None:
    with jo.app.app_context():
        fresh_access(runtime_of(jo.app), jo.open_id, pressed=True)
        with writing() as session:
            bound = session.get(Installation, 1)
            assert bound is not None
            bound.instance_id = "another-installation"
    page = jo.page()
    assert unusable_on(page) == ["Refresh now", "Test with TikTok", "Disconnect…"]
    assert "Nothing is sent to TikTok from here. INSTANCE_ID" in page.text
    for what in ("refresh", "test", "disconnect"):
        assert "Nothing is sent to TikTok from here." in jo.post(what).text
    assert jo.sandbox.calls("revoke") == 0
    assert jo.row().status == "active"


def test_every_button_is_gone_with_the_person(jo: Desk) -> None:
    jo.mark(open_id="-000somebody-else")
    for what in ("refresh", "test", "disconnect"):
        with pytest.raises(AssertionError):
            jo.post(what)
    assert jo.client.get(jo.address).status_code == 404


def test_ten_presses_a_minute_are_enough(make_app: MakeApp, sandbox: Sandbox) -> None:
    jo = desk(make_app(RATELIMIT_ENABLED="1", WTF_CSRF_ENABLED=None), sandbox)
    jo.app.config["WTF_CSRF_ENABLED"] = False
    for what in ("refresh", "test", "disconnect"):
        found = [jo.client.post(f"{jo.address}/{what}").status_code for _ in range(11)]
        assert found == [303] * 10 + [429], what
    assert jo.sandbox.calls("token.refresh_token") == 10


def test_a_name_from_the_right_leaves_the_heading_where_it_is(jo: Desk) -> None:
    jo.mark(display_name="أحمد")
    page = jo.page()
    assert page.the("h1") == page.the("bdi") == "أحمد"
    assert "dir" not in page.all("h1")[0].attrs


@pytest.mark.parametrize("health", Health)
def test_every_state_of_health_has_its_page(
    app: Flask, jo: Desk, health: Health, clock: MovableClock
) -> None:
    jo.open_id = connection(app, 7, health).open_id
    page = jo.page()
    assert page.the("h1") == "Mara"
    assert not [word for word in ("None", "Undefined") if word in page.text]
