"""Fixtures: the house of the test's app."""

from collections.abc import Iterator

import pytest
from flask import Flask

from webapp.clock import utc_now
from webapp.services.house import House


@pytest.fixture
def clock() -> object:
    """The real time: the processes beside this one know no other."""
    return utc_now


@pytest.fixture
def house(app: Flask) -> Iterator[House]:
    """The house of `app`, with its context open."""
    with app.app_context():
        house: House = app.extensions["coatcheck"]
        yield house
