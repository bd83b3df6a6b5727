"""The sandbox's own signed notices over HTTP, to the app under gunicorn."""

import time
from collections.abc import Iterator

import pytest

from tests.servers import Gunicorn, Sandbox
from tests.webhooks.notices import ADDRESS
from tests.webhooks.served import Browser, deliveries


@pytest.fixture
def mara(server: Gunicorn, sandbox: Sandbox) -> Iterator[Browser]:
    """The browser of someone who has connected, and whom TikTok can tell about."""
    sandbox.control("webhook", url=server.url + ADDRESS)
    with Browser(server.url) as browser:
        browser.connect()
        yield browser


@pytest.mark.rule(57, 61)
def test_removing_us_at_tiktok_is_seen_on_the_next_visit(sandbox: Sandbox, mara: Browser) -> None:
    sandbox.deauthorize("mara")
    assert deliveries(sandbox) == [200]
    page = mara.get("/account").text
    assert "TikTok needs you to sign in again" in page
    assert "it was removed in the TikTok app" in page
    assert mara.get("/account/export").json()["sealed_access_kept"] is False


@pytest.mark.long
@pytest.mark.rule(58)
def test_tampered_old_and_future_ones_are_refused(
    server: Gunicorn, sandbox: Sandbox, mara: Browser
) -> None:
    now = int(time.time())
    event = {"event": "authorization.removed", "person": "mara", "content": {"reason": 1}}
    for wish in ({"tamper": True}, {"timestamp": now - 330}, {"timestamp": now + 330}):
        sandbox.control("webhook/send", **event, **wish)
    assert deliveries(sandbox) == [401, 401, 401]
    sandbox.control("webhook/send", **event, create_time=now - 3600)
    sandbox.control("webhook/send", **event, client_key="another-key")
    sandbox.control("webhook/send", event="video.publish.completed", person="mara")
    sandbox.control("webhook/send", **event | {"person": "jo"})
    assert deliveries(sandbox)[3:] == [200] * 4
    assert "Reconnect needed" not in mara.get("/account").text
    sandbox.control("webhook/send", **event, timestamp=now - 270)
    assert deliveries(sandbox)[-1] == 200
    assert "Reconnect needed" in mara.get("/account").text
    assert "Traceback" not in server.log()


@pytest.mark.long
@pytest.mark.rule(61)
def test_the_notice_that_follows_our_own_revoke_changes_nothing(
    sandbox: Sandbox, mara: Browser
) -> None:
    sandbox.settings(webhook_on_revoke=True)
    mara.submit("/account/disconnect")
    assert deliveries(sandbox) == [200]
    page = mara.get("/account").text
    assert "You're not connected" in page
    assert "Reconnect needed" not in page
