"""Once the data has been copied to another database, nobody signs in to the old one."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.servers import Sandbox
from tests.services.grants import given, join
from tests.services.holding import rows, runtime_of
from tests.walk import connect
from webapp.database import writing
from webapp.models import Installation
from webapp.services.installation import binding
from webapp.tiktok.errors import OurConfiguration

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def moved(app: Flask) -> Flask:
    """An app that still runs on the old database."""
    runtime = runtime_of(app)
    with app.app_context():
        assert binding.mismatch(runtime) is None
        with writing() as session:
            session.get_one(Installation, 1).moved_at = runtime.clock()
    return app


@pytest.mark.usefixtures("moved")
def test_a_sign_in_is_refused_before_it_costs_a_grant(
    app: Flask, client: FlaskClient, sandbox: Sandbox
) -> None:
    answer = connect(client)
    assert (answer.status_code, rows(app)) == (503, [])
    assert sandbox.calls("token.authorization_code") == 0


def test_one_that_meets_the_copy_is_not_stored_and_its_grant_is_given_back(
    moved: Flask, sandbox: Sandbox
) -> None:
    with moved.app_context():
        tokens = given(sandbox, runtime_of(moved).clock())
        with pytest.raises(OurConfiguration):
            join(runtime_of(moved), tokens)
    assert rows(moved) == []
    assert sandbox.books()[tokens.open_id]["ended"] == "revoked"
