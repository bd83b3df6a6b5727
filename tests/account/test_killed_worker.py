"""What a worker costs that is killed while TikTok answers, and what its person reads then."""

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.account.people import account, mark
from tests.keep.world import World
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import runtime_of
from webapp.services.refresh.claims import claim_due

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.mark.parametrize("rotated", [True, False])
def test_the_page_names_the_interruption_and_only_where_tiktok_had_replaced_the_token(
    app: Flask, mara: FlaskClient, sandbox: Sandbox, clock: MovableClock, rotated: bool
) -> None:
    world = World(app, runtime_of(app), sandbox, clock)
    mark(app, next_at=clock() - timedelta(seconds=1))
    with app.app_context():
        (claim,) = claim_due(world.runtime, 1, clock())
        assert claim.held is not None
        if rotated:
            # The call goes out, and the worker dies before it has the answer.
            world.runtime.provider.refresh(claim.held.refresh_token or "")
        for _again in range(3):
            clock.advance(seconds=61)
            world.work()
    page = account(mara).text
    words = "because a renewal was interrupted on our side. This isn't your fault."
    assert (words in page) == rotated
    assert ("Reconnect" in page) == rotated
