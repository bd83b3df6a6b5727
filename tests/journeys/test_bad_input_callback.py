"""What a browser may bring to the callback that TikTok never sent: each its page, none a row."""

from collections.abc import Iterator
from html import unescape

import pytest

from tests.environment import CALLBACK
from tests.journeys import raw
from tests.journeys.bad_input import begun, come_back, refused, unharmed
from tests.journeys.standing import Standing
from tests.walk import begin, consent

PATH = CALLBACK.encode()
#: What the pages say, by cause.
OLDER = "This page is from an earlier attempt"
NO_COOKIE = "We couldn't recognize your browser"
INCOMPLETE = "TikTok sent you back with an incomplete link"


@pytest.fixture
def site(stands: Standing) -> Iterator[Standing]:
    with unharmed(stands) as site:
        yield site
        assert site.sandbox.calls("token.authorization_code") == 0


@pytest.mark.rule(12)
@pytest.mark.parametrize("rest", ["code=made-up", "error=access_denied"])
class TestState:
    def test_a_missing_one_is_refused(self, site: Standing, rest: str) -> None:
        browser = site.browser()
        begun(browser)
        assert OLDER in refused(site, come_back(browser, rest), 400)

    def test_a_forged_one_is_refused(self, site: Standing, rest: str) -> None:
        browser = site.browser()
        state = begun(browser)
        forged = ("B" if state[0] == "A" else "A") + state[1:]
        assert OLDER in refused(site, come_back(browser, f"{rest}&state={forged}"), 400)

    def test_one_that_another_browser_left_with_is_refused(self, site: Standing, rest: str) -> None:
        foreign, browser = begun(site.browser()), site.browser()
        begun(browser)
        assert OLDER in refused(site, come_back(browser, f"{rest}&state={foreign}"), 400)

    def test_a_browser_without_a_cookie_is_told_so(self, site: Standing, rest: str) -> None:
        state = begun(site.browser())
        answer = come_back(site.browser(), f"{rest}&state={state}")
        assert NO_COOKIE in unescape(refused(site, answer, 400))

    def test_a_doubled_one_is_refused(self, site: Standing, rest: str) -> None:
        browser = site.browser()
        state = begun(browser)
        answer = come_back(browser, f"{rest}&state={state}&state={state}")
        assert INCOMPLETE in refused(site, answer, 400)


class TestParameters:
    @pytest.mark.rule(15, 16)
    @pytest.mark.parametrize(
        "rest",
        [
            "",
            "code=",
            "code=a&code=b",
            "code=a&error=access_denied",
            "code=a&scopes=x&scopes=y",
            "code=%ff%fe",
            "code=%c3%28",
            "code=a%00b",
            "code=a%0d%0aSet-Cookie:%20stolen=1",
            "code=a%20b",
            "code=" + "a" * 3000,
            "error=access_denied&error=access_denied",
            "code=a&iss=https://evil.example",
        ],
    )
    def test_what_is_no_answer_is_refused(self, site: Standing, rest: str) -> None:
        browser = site.browser()
        answer = come_back(browser, f"{rest}&state={begun(browser)}")
        assert INCOMPLETE in refused(site, answer, 400)
        assert "stolen" not in browser.cookies

    @pytest.mark.parametrize(
        "state", ["%ff%fe", "%00", "%0d%0aX:1", "a" * 600, "%F0%9F%92%A9", "a b"]
    )
    def test_a_state_that_is_none_is_refused(self, site: Standing, state: str) -> None:
        browser = site.browser()
        begun(browser)
        assert INCOMPLETE in refused(site, come_back(browser, f"code=a&state={state}"), 400)

    def test_an_error_text_of_a_stranger_is_not_shown(self, site: Standing) -> None:
        browser = site.browser()
        words = "error=made_up&error_description=%3Cscript%3Ealert(1)%3C/script%3E"
        text = refused(site, come_back(browser, f"{words}&state={begun(browser)}"), 503)
        assert "alert(1)" not in text
        assert "made_up" not in text


class TestTheWholeAddress:
    @pytest.mark.parametrize("length", [5000, 9000, 20_000])
    def test_one_that_is_too_long_is_414(self, site: Standing, length: int) -> None:
        browser = site.browser()
        state = begun(browser).encode()
        target = PATH + b"?state=" + state + b"&code=" + b"a" * length
        answer = raw.get(site.server.url, target, b"Cookie: " + browser.cookie_line.encode())
        refused(site, answer, 414)

    @pytest.mark.parametrize("bytes_", [b"\xff\xfe", b"\x00", b"\xc3\xa4", b"\x1b[31m"])
    def test_raw_bytes_are_400(self, site: Standing, bytes_: bytes) -> None:
        answer = raw.get(site.server.url, PATH + b"?state=a&code=" + bytes_)
        refused(site, answer, 400)


class TestMethods:
    @pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE"])
    def test_only_get_brings_anybody_back(self, site: Standing, method: str) -> None:
        browser = site.browser()
        callback = consent(begin(browser))
        before = site.rows("spent_states")
        answer = browser.request(method, callback)
        assert answer.status_code == 405
        assert "GET" in answer.headers["Allow"]
        assert site.rows("spent_states") == before
