"""A browser or a service that hangs up in mid-refresh: the commit still happens."""

from collections.abc import Callable

import pytest
import requests

from tests.fixtures.served import Serve
from tests.forms import the_form
from tests.journeys.http_browser import HttpBrowser
from tests.keep.world import World
from tests.servers import Gunicorn
from tests.walk import connect
from webapp.services.handout import service_keys

pytestmark = [pytest.mark.usefixtures("each_database"), pytest.mark.long]

#: Seconds for which anyone who asks waits, and in which TikTok, having rotated, does not answer.
WAITS, SILENCE = 0.3, 0.9


def hung_up(world: World, server: Gunicorn, open_id: str, ask: Callable[[], object]) -> None:
    """Ask for a refresh, hang up before TikTok answers, and see the answer stored all the same."""
    before = world.row(open_id).version
    with pytest.raises(requests.ReadTimeout):
        ask()
    assert world.row(open_id).version == before
    server.process.wait_for(lambda: world.row(open_id).version == before + 1 or None)


@pytest.mark.rule(32)
def test_who_hangs_up_in_mid_refresh_costs_nothing(world: World, serve: Serve) -> None:
    """A person's browser first, then a service of the API."""
    server = serve()
    browser = HttpBrowser(server.url)
    assert connect(browser).status_code == 303
    open_id = world.sandbox.open_id("mara")
    form = the_form(browser.get("/account").text, "/sign-out")
    key = service_keys.issue("a service", world.clock())
    world.sandbox.latency(SILENCE, "token", after=True)

    def service() -> object:
        return requests.post(
            f"{server.url}/api/v1/tokens/{open_id}/refresh",
            json={"rejected_version": 2},
            headers={"Authorization": f"Bearer {key}"},
            timeout=WAITS,
        )

    hung_up(
        world,
        server,
        open_id,
        lambda: browser.post("/account/refresh", data=form.data(), timeout=WAITS),
    )
    browser.close()
    hung_up(world, server, open_id, service)
    world.assert_in_step(living=1)
