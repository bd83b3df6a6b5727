"""Fixtures: TikTok as the sender of notices, and someone who has connected."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.walk import connect
from tests.webhooks.notices import TikTok


@pytest.fixture
def tiktok(app: Flask, clock: MovableClock) -> TikTok:
    """TikTok, signing with this app's secret."""
    return TikTok(app, clock)


@pytest.fixture
def mara(client: FlaskClient, sandbox: Sandbox) -> str:
    """The open_id of someone who has connected; `client` is their browser."""
    assert connect(client).status_code == 303
    return sandbox.open_id("mara")
