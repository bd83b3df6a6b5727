"""A server that is asked to stop answers what is under way, and then ends."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fixtures.served import Serve
from tests.journeys.http_browser import HttpBrowser
from tests.servers import Sandbox
from tests.walk import begin, come_back, consent


@pytest.mark.long
@pytest.mark.rule(32)
def test_a_sign_in_under_way_is_finished_before_the_server_ends(
    serve: Serve, sandbox: Sandbox
) -> None:
    server = serve()
    browser = HttpBrowser(server.url)
    callback = consent(begin(browser))
    sandbox.latency(2, "token")
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(come_back, browser, callback)
        server.process.wait_for(lambda: sandbox.counters()["open_calls"] or None)
        assert server.process.stop() == 0
        answer = coming.result(30)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/connected")
    serve()
    assert browser.get("/account").status_code == 200, "nothing of the sign-in was lost"
