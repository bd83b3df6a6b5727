"""Fixtures of the tests of keeping: the house inside the app's context, and people to keep."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from tests.keep.world import World
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import house_of
from webapp.services.house import House
from webapp.views.http.runtime import KEY


@pytest.fixture
def house(app: Flask, tmp_path: Path) -> Iterator[House]:
    """The app's house, with the app's context around the test and its files in a folder of it."""
    made = app.extensions[KEY] = replace(house_of(app), folder=tmp_path)
    with app.app_context():
        yield made


@pytest.fixture
def world(house: House, app: Flask, sandbox: Sandbox, clock: MovableClock) -> World:
    """The app and TikTok side by side; nobody is connected yet."""
    return World(app, house, sandbox, clock)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """As ever, but the worker may go fast; processes on PostgreSQL are one installation."""
    return env | {"REFRESH_RATE": "500", "INSTANCE_ID": "made-up-instance"}
