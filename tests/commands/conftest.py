"""Fixtures: the runtime of the test's app."""

from collections.abc import Iterator

import pytest
from flask import Flask

from webapp.clock import utc_now
from webapp.services.runtime import Runtime


@pytest.fixture
def clock() -> object:
    """The real time: other processes in these tests use it."""
    return utc_now


@pytest.fixture
def runtime(app: Flask) -> Iterator[Runtime]:
    """The runtime of `app`, with its context open."""
    with app.app_context():
        runtime: Runtime = app.extensions["coatcheck"]
        yield runtime
