"""Fixtures: a stage with jo, mara and an operator, a service, and little patience."""

import pytest

from tests.api.asking import Service
from tests.fixtures.app import MakeApp
from tests.movable import MovableClock
from tests.security.acts import Stage, stage_of
from tests.servers import Sandbox
from webapp.services.connect import disconnect
from webapp.services.handout import service_keys


@pytest.fixture
def stage(make_app: MakeApp, sandbox: Sandbox) -> Stage:
    """Everyone on whom, or by whom, something is done."""
    return stage_of(make_app(), sandbox)


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens during a call is over before the call is, so nobody may wait for its answer."""
    monkeypatch.setattr(disconnect, "PATIENCE", 0.1)


@pytest.fixture
def service(stage: Stage, clock: MovableClock) -> Service:
    """A service of the stage, with a key."""
    with stage.app.app_context():
        return Service(stage.app.test_client(), service_keys.issue("reports", clock()))
