"""Fixtures: apps that keep their id in a file, as one does who sets no INSTANCE_ID."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.fixtures.app import MakeApp
from webapp.services.runtime import Runtime

Move = Callable[..., Runtime]


@pytest.fixture
def move_in(make_app: MakeApp) -> Iterator[Move]:
    """A function: settings to change → the runtime of an app on this database, its context open."""
    with ExitStack() as stack:

        def move(**changes: Any) -> Runtime:
            app = make_app(**({"INSTANCE_ID": None} | changes))
            stack.enter_context(app.app_context())
            runtime: Runtime = app.extensions["coatcheck"]
            return runtime

        yield move


@pytest.fixture
def runtime(move_in: Move) -> Runtime:
    """The runtime of an app without INSTANCE_ID."""
    return move_in()
