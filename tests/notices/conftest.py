"""Fixtures of the tests of notices out: a runtime with someone to tell, and people to tell of."""

import base64
import secrets
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


@pytest.fixture
def env(env: dict[str, str]) -> dict[str, str]:
    """As ever, with someone to tell; nobody listens there."""
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    url = f"http://127.0.0.1:9/hooks?key={secrets.token_hex(8)}"
    return env | {"REFRESH_RATE": "500", "NOTIFY_URL": url, "NOTIFY_SECRET": secret}


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
