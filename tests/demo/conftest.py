"""Fixtures: the runtime of the test's app."""

from collections.abc import Iterator

import pytest
from flask import Flask

from webapp.services.runtime import Runtime


@pytest.fixture
def runtime(app: Flask) -> Iterator[Runtime]:
    """The runtime of `app`, with its context open."""
    with app.app_context():
        runtime: Runtime = app.extensions["coatcheck"]
        yield runtime
