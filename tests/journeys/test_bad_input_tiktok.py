"""A TikTok that lies, breaks off or drags its feet: a page of its own, nothing stored, no leak."""

from collections.abc import Iterator
from html import unescape
from time import monotonic
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient

from tests.journeys.bad_input import refused, unharmed
from tests.journeys.standing import Standing
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.walk import begin, come_back, connect, consent

UNCLEAR = (502, "TikTok sent an unusable response")
DOWN = (503, "TikTok isn't responding")
REFUSED = (400, "TikTok didn't accept this sign-in")
OURS = (503, "This site isn't ready for TikTok yet")

#: (fault at the token endpoint, its options, status and heading of the page)
FAULTS: list[tuple[str, dict[str, Any], tuple[int, str]]] = [
    ("html", {}, UNCLEAR),
    ("html", {"status": 502}, DOWN),
    ("empty", {}, UNCLEAR),
    ("empty_object", {}, UNCLEAR),
    ("error200", {"error": "server_error"}, DOWN),
    ("error200", {"error": "invalid_grant"}, REFUSED),
    ("error200", {"error": "invalid_client"}, OURS),
    ("error200", {"error": "<script>alert(1)</script>"}, DOWN),
    ("answer", {"answer": {"expires_in": "soon"}}, UNCLEAR),
    ("answer", {"answer": {"expires_in": -1}}, UNCLEAR),
    ("answer", {"answer": {"access_token": None}}, UNCLEAR),
    ("answer", {"answer": {"open_id": ["a"]}}, UNCLEAR),
    ("answer", {"answer": {"refresh_token": "$delete"}}, UNCLEAR),
    ("big", {}, UNCLEAR),
    ("big", {"chunked": True}, UNCLEAR),
    ("gzip", {}, UNCLEAR),
    ("truncated", {}, UNCLEAR),
    ("truncated", {"cut": True}, UNCLEAR),
    ("redirect", {}, UNCLEAR),
    ("redirect", {"status": 302, "location": "http://127.0.0.1:9/"}, UNCLEAR),
    ("raw", {"body": "[1, 2]"}, UNCLEAR),
    ("raw", {"body": '{"access_token": ' + "[" * 20_000}, UNCLEAR),
    ("raw", {"body": "\ufeff\x00"}, UNCLEAR),
    ("http500", {}, DOWN),
    ("throttle", {"retry_after": 7}, DOWN),
    ("drop", {}, DOWN),
    ("drop", {"reset": True}, DOWN),
]


@pytest.fixture
def site(stands: Standing) -> Iterator[Standing]:
    with unharmed(stands) as site:
        yield site


def sign_in(site: Standing) -> requests.Response:
    """Walk the whole way; return the answer to the callback."""
    return connect(site.browser())


def masked(site: Standing, answer: requests.Response) -> None:
    """Insist that neither page nor log holds what came back with the browser."""
    assert "act." not in answer.text
    assert "rft." not in answer.text
    query = answer.request.url.partition("?")[2]
    values = [pair.partition("=")[2] for pair in query.split("&")]
    for secret in (value for value in values if len(value) > 20):
        assert secret not in answer.text
        assert secret not in site.server.log()


@pytest.mark.rule(21, 25, 26, 27)
@pytest.mark.parametrize(
    ("kind", "options", "page"), FAULTS, ids=[f"{f[0]}-{i}" for i, f in enumerate(FAULTS)]
)
def test_no_answer_is_taken_that_is_none(
    site: Standing, kind: str, options: dict[str, Any], page: tuple[int, str]
) -> None:
    site.sandbox.faults("token", kind, times=1, **options)
    answer = sign_in(site)
    status, heading = page
    text = refused(site, answer, status)
    assert f"<h1>{heading}</h1>" in unescape(text)
    assert "alert(1)" not in text
    assert site.sandbox.counters()["trap_hits"] == 0
    assert site.sandbox.calls("token.authorization_code") == 1
    masked(site, answer)


@pytest.mark.rule(28)
@pytest.mark.long
@pytest.mark.parametrize("kind", ["slow", "dribble_headers", "timeout"])
def test_one_byte_a_second_is_not_waited_for(site: Standing, kind: str) -> None:
    site.sandbox.faults("token", kind, times=1)
    browser = site.browser()
    callback = consent(begin(browser))
    started = monotonic()
    answer = browser.get(callback, timeout=25)
    assert 9 < monotonic() - started < 13
    assert f"<h1>{DOWN[1]}</h1>" in unescape(refused(site, answer, 503))


@pytest.mark.rule(47)
def test_the_wait_that_tiktok_asks_for_is_passed_on(site: Standing) -> None:
    site.sandbox.faults("token", "throttle", times=1, retry_after=7)
    assert sign_in(site).headers["Retry-After"] == "7"


def test_a_browser_that_brings_back_an_error_is_told_why(site: Standing) -> None:
    for error, status in (("access_denied", 200), ("server_error", 503), ("invalid_scope", 503)):
        site.sandbox.faults("authorize", "error200", times=1, error=error)
        refused(site, sign_in(site), status)


@pytest.mark.rule(9)
class TestOld:
    def test_an_attempt_of_ten_minutes_is_over(
        self, client: FlaskClient, clock: MovableClock, sandbox: Sandbox
    ) -> None:
        callback = consent(begin(client))
        clock.advance(minutes=10, seconds=1)
        answer = come_back(client, callback)
        assert answer.status_code == 400
        assert "That took longer than 10 minutes" in answer.text
        assert sandbox.calls("token.authorization_code") == 0

    def test_one_of_nearly_ten_minutes_is_not(
        self, client: FlaskClient, clock: MovableClock
    ) -> None:
        callback = consent(begin(client))
        clock.advance(minutes=10)
        assert come_back(client, callback).status_code == 303
