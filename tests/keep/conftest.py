"""Fixtures of the tests of keeping: the house inside the app's context, and people to keep."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.keep.world import World
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import house_of
from webapp.services.house import House


@pytest.fixture
def house(app: Flask) -> Iterator[House]:
    """The app's house, with the app's context around the test."""
    with app.app_context():
        yield house_of(app)


@pytest.fixture
def world(house: House, app: Flask, sandbox: Sandbox, clock: MovableClock) -> World:
    """The app and TikTok side by side; nobody is connected yet."""
    return World(app, house, sandbox, clock)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """As ever, but the worker may go faster than anything here needs."""
    return env | {"REFRESH_RATE": "500"}
