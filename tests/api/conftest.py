"""Fixtures: a service with its key, and people of the sandbox who have connected."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from flask import Flask

from tests.api.asking import Service
from tests.movable import MovableClock
from tests.servers import Sandbox
from webapp.services.connect.connect import connect_person
from webapp.services.handout import service_keys
from webapp.tokens import TokenSet

Connect = Callable[..., str]


@pytest.fixture
def service(app: Flask, clock: MovableClock) -> Service:
    """A service with a key of its own."""
    with app.app_context():
        return Service(app.test_client(), service_keys.issue("reports", clock()))


@pytest.fixture
def connect(app: Flask, sandbox: Sandbox, clock: MovableClock) -> Connect:
    """A function: `connect("mara", scopes=[…])` → the open_id of someone who has connected."""

    def connect_one(person: str = "mara", scopes: Sequence[str] = ("user.info.basic",)) -> str:
        said = sandbox.control("grants", person=person, scopes=list(scopes))
        now = clock()
        tokens = TokenSet(
            said["access_token"],
            said["refresh_token"],
            said["open_id"],
            frozenset(scopes),
            now + timedelta(seconds=said["expires_in"]),
            now + timedelta(seconds=said["refresh_expires_in"]),
        )
        with app.app_context():
            runtime = app.extensions["coatcheck"]
            return connect_person(runtime, tokens, scopes, None, now).open_id

    return connect_one


@pytest.fixture
def mara(connect: Connect) -> str:
    """The open_id of someone who has connected, and allowed the least."""
    return connect("mara")
