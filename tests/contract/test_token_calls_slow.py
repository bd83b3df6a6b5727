"""A TikTok that is silent or dribbles costs one deadline, counted over the whole call."""

from functools import partial
from html import unescape
from time import monotonic

import pytest
from flask import Flask

from tests.fixtures.app import MakeApp
from tests.servers import Sandbox
from tests.services.holding import rows, the_row
from tests.walk import connect
from webapp.tiktok.transport import CALL_SECONDS, Transport

#: The deadline of these tests, seconds; the dribble below would take minutes.
SHORT = 1.0
#: What all the rest of a sign-in may take beside it on a busy machine.
ROOM = 8.0


@pytest.fixture
def hasty(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The app, with a shorter deadline for its calls to TikTok."""
    monkeypatch.setattr("webapp.tiktok.transport.Transport", partial(Transport, seconds=SHORT))
    return make_app()


@pytest.mark.rule(27, 28)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("timeout", {"seconds": 60}),
        ("slow", {"interval": 0.4}),
        ("dribble_headers", {"interval": 0.4}),
    ],
)
def test_a_slow_exchange_ends_with_the_deadline(
    hasty: Flask, sandbox: Sandbox, kind: str, options: dict[str, float]
) -> None:
    sandbox.faults("token", kind, **options)
    client = hasty.test_client()
    began = monotonic()
    answer = connect(client)
    assert SHORT <= monotonic() - began < SHORT + ROOM
    assert answer.status_code == 503
    assert "TikTok isn't responding" in unescape(answer.text)
    assert answer.headers["Retry-After"] == "60"
    assert rows(hasty) == []


@pytest.mark.rule(28, 48)
def test_a_slow_user_info_still_signs_in(hasty: Flask, sandbox: Sandbox) -> None:
    sandbox.faults("user_info", "slow", interval=0.4)
    client = hasty.test_client()
    assert connect(client).status_code == 303
    assert client.get("/account").status_code == 200
    assert the_row(hasty).display_name is None


@pytest.mark.rule(28)
def test_a_tiktok_that_is_not_there_is_told_at_once(make_app: MakeApp, sandbox: Sandbox) -> None:
    app = make_app(TIKTOK_API_URL="http://127.0.0.1:9/v2/")
    began = monotonic()
    assert connect(app.test_client()).status_code == 503
    assert monotonic() - began < ROOM
    assert rows(app) == []
    assert sandbox.calls("token.authorization_code") == 0


@pytest.mark.rule(28)
def test_the_deadline_in_use_is_ten_seconds() -> None:
    assert CALL_SECONDS == 10


@pytest.mark.long
@pytest.mark.rule(28)
@pytest.mark.parametrize("kind", ["slow", "dribble_headers"])
def test_one_byte_a_second_ends_after_ten_seconds(app: Flask, sandbox: Sandbox, kind: str) -> None:
    sandbox.faults("token", kind, interval=1)
    began = monotonic()
    assert connect(app.test_client()).status_code == 503
    assert 10 <= monotonic() - began < 10 + ROOM
    assert rows(app) == []
