"""Fixtures: someone who has connected in their browser, and an operator in theirs."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import runtime_of
from tests.walk import connect
from tests.webhooks.notices import TikTok, row_of
from webapp.models import User
from webapp.services.operators import roles


@pytest.fixture
def mara(app: Flask, client: FlaskClient, sandbox: Sandbox) -> User:
    """The row of someone who has connected; `client` is their browser."""
    assert connect(client).status_code == 303
    return row_of(app, sandbox.open_id("mara"))


@pytest.fixture
def operator(app: Flask, client: FlaskClient, mara: User) -> FlaskClient:
    """Mara's browser, now that she is an operator."""
    with app.app_context():
        runtime = runtime_of(app)
        roles.add_operator(runtime, mara.open_id, runtime.clock())
    return client


@pytest.fixture
def tiktok(app: Flask, clock: MovableClock) -> TikTok:
    """TikTok, signing with this app's secret."""
    return TikTok(app, clock)
