"""Fixtures of the tests of keeping: the runtime inside the app's context, and people to keep."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask

from tests.keep.world import World
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import runtime_of
from webapp.services.runtime import Runtime
from webapp.views.http.runtime import KEY


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def each_database(request: pytest.FixtureRequest) -> str:
    """Run the test on both databases in the quick run too: locks and isolation decide here."""
    return str(request.param)


@pytest.fixture
def runtime(app: Flask, tmp_path: Path) -> Iterator[Runtime]:
    """The app's runtime, with the app's context around the test and its files in a folder of it."""
    made = app.extensions[KEY] = replace(runtime_of(app), folder=tmp_path)
    with app.app_context():
        yield made


@pytest.fixture
def world(runtime: Runtime, app: Flask, sandbox: Sandbox, clock: MovableClock) -> World:
    """The app and TikTok side by side; nobody is connected yet."""
    return World(app, runtime, sandbox, clock)


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """As ever, but the worker may go fast; processes on PostgreSQL are one installation."""
    return env | {"REFRESH_RATE": "500", "INSTANCE_ID": "made-up-instance"}
