"""A browser or a service that hangs up in mid-refresh: the commit still happens."""

import pytest
import requests

from tests.fixtures.served import Serve
from tests.forms import the_form
from tests.journeys.http_browser import HttpBrowser
from tests.keep.world import World
from tests.walk import connect
from webapp.services import service_keys

pytestmark = pytest.mark.usefixtures("each_database")

#: Seconds for which whoever asks waits, and in which TikTok, having rotated, does not answer.
WAITS, SILENCE = 0.5, 1.5


def refreshed(world: World, open_id: str) -> bool | None:
    """Tell whether the second version is stored."""
    return world.row(open_id).version == 2 or None


@pytest.mark.rule(32)
def test_a_browser_that_hangs_up_in_mid_refresh_costs_nothing(world: World, serve: Serve) -> None:
    server = serve()
    browser = HttpBrowser(server.url)
    assert connect(browser).status_code == 303
    open_id = world.sandbox.open_id("mara")
    form = the_form(browser.get("/account").text, "/account/refresh")
    world.sandbox.latency(SILENCE, "token", after=True)
    with pytest.raises(requests.ReadTimeout):
        browser.post("/account/refresh", data=form.data(), timeout=WAITS)
    browser.close()
    assert world.row(open_id).version == 1
    server.process.wait_for(lambda: refreshed(world, open_id))
    world.assert_in_step(living=1)


@pytest.mark.rule(32)
def test_a_service_that_hangs_up_in_mid_refresh_costs_nothing(world: World, serve: Serve) -> None:
    server = serve()
    open_id = world.person()
    key = service_keys.issue("a service", world.clock())
    world.sandbox.latency(SILENCE, "token", after=True)
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{server.url}/api/v1/tokens/{open_id}/refresh",
            json={"rejected_version": 1},
            headers={"Authorization": f"Bearer {key}"},
            timeout=WAITS,
        )
    server.process.wait_for(lambda: refreshed(world, open_id))
    world.assert_in_step(living=1)
