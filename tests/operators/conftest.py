"""Fixtures of the operators' tests: the runtime with the app's context around the test."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.services.holding import runtime_of
from webapp.services.runtime import Runtime


@pytest.fixture
def runtime(app: Flask) -> Iterator[Runtime]:
    """The app's runtime. Not together with a client: requests would share this context's `g`."""
    with app.app_context():
        yield runtime_of(app)
