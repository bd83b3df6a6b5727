"""Fixtures: someone who has connected, in their browser."""

import pytest
from flask.testing import FlaskClient

from tests.servers import Sandbox
from tests.walk import connect


@pytest.fixture
def mara(client: FlaskClient, sandbox: Sandbox) -> FlaskClient:
    """The browser of someone who has connected."""
    assert connect(client).status_code == 303
    return client
