"""Fixtures of the operators' tests: the house with the app's context around the test."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.services.holding import house_of
from webapp.services.house import House


@pytest.fixture
def house(app: Flask) -> Iterator[House]:
    """The app's house. Not together with a client: requests would share this context's `g`."""
    with app.app_context():
        yield house_of(app)
