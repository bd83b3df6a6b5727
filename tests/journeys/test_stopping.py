"""A server that is asked to stop or to start its processes again answers what is under way."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fixtures.served import Serve
from tests.journeys.http_browser import HttpBrowser
from tests.servers import Sandbox
from tests.walk import begin, come_back, consent
from tests.workers import children


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


@pytest.mark.long
def test_new_processes_take_over_under_load_and_no_request_is_lost(
    serve: Serve, sandbox: Sandbox
) -> None:
    """SIGHUP, while pages are read and sign-ins are under way."""
    server = serve(workers=2)
    browsers = [HttpBrowser(server.url) for _person in range(4)]
    people = ("mara", "jo", "tomas", "aiko")
    came = [consent(begin(browser), who) for browser, who in zip(browsers, people, strict=True)]
    sandbox.latency(2, "token")
    former = set(children(server.process.pid))
    over = threading.Event()

    def read() -> set[int]:
        seen = set()
        while not over.is_set():
            seen.add(server.get("/privacy", timeout=60).status_code)
        return seen

    with ThreadPoolExecutor(8) as pool:
        reading = [pool.submit(read) for _reader in range(4)]
        coming = [pool.submit(come_back, *each) for each in zip(browsers, came, strict=True)]
        server.process.wait_for(lambda: sandbox.counters()["open_calls"] == 4 or None)
        server.process.popen.send_signal(signal.SIGHUP)
        answers = [each.result(90) for each in coming]
        server.process.wait_for(lambda: not former & set(children(server.process.pid)) or None)
        over.set()
        seen = [each.result(90) for each in reading]
    assert [answer.status_code for answer in answers] == [303] * 4
    assert seen == [{200}] * 4
    for browser in browsers:
        assert browser.get("/account").status_code == 200, "a new process knows the session"
    assert sandbox.calls("token.authorization_code") == 4
