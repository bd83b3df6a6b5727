"""Requests that no browser sends, byte by byte: refused with a page, never a broken one."""

from collections.abc import Iterator

import pytest

from tests.journeys import raw
from tests.journeys.bad_input import begun, come_back, refused, unharmed
from tests.journeys.standing import Standing

FORM = b"Content-Type: application/x-www-form-urlencoded"
CHUNKED = b"Transfer-Encoding: chunked"
LIMIT = 16 * 1024


@pytest.fixture
def site(stands: Standing) -> Iterator[Standing]:
    with unharmed(stands) as site:
        yield site


def post(site: Standing, *headers: bytes, body: bytes) -> raw.RawAnswer:
    """POST a body to /connect with these header lines."""
    request = raw.head(site.server.url, b"POST", b"/connect", FORM, *headers)
    return raw.say(site.server.url, request + body)


class TestBodies:
    @pytest.mark.parametrize("size", [17 * 1024, 1_000_000])
    def test_one_that_says_it_is_too_large_is_413(self, site: Standing, size: int) -> None:
        answer = post(site, b"Content-Length: %d" % size, body=b"a" * 17 * 1024)
        refused(site, answer, 413)

    @pytest.mark.parametrize("kind", [FORM, b"Content-Type: application/json", b"X-None: a"])
    def test_one_in_chunks_is_413_too(self, site: Standing, kind: bytes) -> None:
        chunk = b"a" * (LIMIT // 2)
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for _ in range(3)) + b"0\r\n\r\n"
        request = raw.head(site.server.url, b"POST", b"/connect", kind, CHUNKED)
        refused(site, raw.say(site.server.url, request + body), 413)

    def test_one_in_chunks_that_fits_is_read(self, site: Standing) -> None:
        browser = site.browser()
        token = browser.get("/connect").text.split('name="csrf_token" value="')[1].split('"')[0]
        form = b"csrf_token=" + token.encode()
        cookie = b"Cookie: " + browser.cookie_line.encode()
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(form), form)
        answer = post(site, cookie, CHUNKED, body=body)
        assert answer.status == 302
        assert answer.headers["Location"].startswith(site.env["TIKTOK_AUTHORIZE_URL"])

    @pytest.mark.parametrize("body", [b"zz\r\naaa\r\n0\r\n\r\n", b"3\r\naaaaaa\r\n0\r\n\r\n"])
    def test_broken_chunks_are_400(self, site: Standing, body: bytes) -> None:
        refused(site, post(site, CHUNKED, body=body), 400)

    @pytest.mark.parametrize(
        "headers",
        [
            [b"Content-Length: -1"],
            [b"Content-Length: 3", b"Content-Length: 4"],
            [b"Content-Length: 3", CHUNKED],
            [b"Content-Length: 3, 3"],
            [b"Transfer-Encoding: gzip"],
        ],
    )
    def test_one_of_unclear_length_is_400(self, site: Standing, headers: list[bytes]) -> None:
        refused(site, post(site, *headers, body=b"abc"), 400)

    @pytest.mark.parametrize(
        "kind",
        [
            b"Content-Type: multipart/form-data",
            b"Content-Type: multipart/form-data; boundary=\xff",
            b"Content-Type: multipart/form-data; boundary=a; charset=made-up",
            b"Content-Type: \xff/\xfe; charset=",
        ],
    )
    def test_one_of_an_odd_kind_is_no_form_of_ours(self, site: Standing, kind: bytes) -> None:
        length = b"Content-Length: 12"
        request = raw.head(site.server.url, b"POST", b"/connect", kind, length)
        text = refused(site, raw.say(site.server.url, request + b"--a\r\n\xff\xfe\x00\r\n--"), 400)
        assert "Your browser is blocking cookies" in text

    def test_one_of_bytes_that_are_no_text_is_refused(self, site: Standing) -> None:
        body = b"csrf_token=%ff%00\xff\xfe&scopes=\x00"
        refused(site, post(site, b"Content-Length: %d" % len(body), body=body), 400)


class TestHosts:
    @pytest.mark.parametrize(
        "host",
        [b"evil.example", b"", b"a b", b"x@127.0.0.1", b"\xff", b"127.0.0.1,evil", b"127.0.0.1/"],
    )
    def test_another_one_is_400(self, site: Standing, host: bytes) -> None:
        text = refused(site, raw.get(site.server.url, b"/connect", host=host), 400)
        assert "evil" not in text

    def test_none_is_400(self, site: Standing) -> None:
        request = b"GET /connect HTTP/1.1\r\nConnection: close\r\n\r\n"
        refused(site, raw.say(site.server.url, request), 400)

    def test_two_are_400(self, site: Standing) -> None:
        refused(site, raw.get(site.server.url, b"/connect", b"Host: evil.example"), 400)

    def test_a_whole_address_does_not_choose_the_host(self, site: Standing) -> None:
        answer = raw.get(site.server.url, b"http://evil.example//account")
        assert answer.status == 303
        assert answer.headers["Location"] == "/"
        assert b"evil" not in raw.get(site.server.url, b"http://evil.example/connect").body


class TestLines:
    @pytest.mark.parametrize(
        "line",
        [
            b"GET /connect",
            b"\x16\x03\x01",
            b"GET / HTTP/3.0",
            b"get /connect HTTP/1.1",
            b"GET /connect?code=a HTTP/1.1 x",
            b"GET /\xff\xfe HTTP/1.1",
        ],
    )
    def test_one_that_is_no_http_is_400(self, site: Standing, line: bytes) -> None:
        refused(site, raw.say(site.server.url, line + b"\r\nHost: a\r\n\r\n"), 400)

    @pytest.mark.parametrize("target", [b"/%ff%fe", b"/static/%00", b"/%00", b"//evil.example"])
    def test_an_address_of_nothing_is_404(self, site: Standing, target: bytes) -> None:
        assert "evil" not in refused(site, raw.get(site.server.url, target), 404)

    def test_a_method_of_nobodys_is_405(self, site: Standing) -> None:
        request = raw.head(site.server.url, b"FOO", b"/connect")
        refused(site, raw.say(site.server.url, request), 405)

    def test_too_many_headers_are_431(self, site: Standing) -> None:
        many = [b"X-%d: a" % number for number in range(150)]
        refused(site, raw.get(site.server.url, b"/", *many), 431)


class TestCookies:
    def test_a_huge_one_is_431(self, site: Standing) -> None:
        cookie = b"Cookie: session=" + b"a" * 9000
        refused(site, raw.get(site.server.url, b"/connect", cookie), 431)

    @pytest.mark.parametrize(
        "cookie",
        ["a" * 7000, "eyJfdXNlcl9pZCI6IjEifQ.Zx.made-up", ".", "....", '"', "\\x00", "=;=", "%00"],
    )
    def test_a_forged_one_is_nobody(self, site: Standing, cookie: str) -> None:
        line = b"Cookie: session=" + cookie.encode()
        answer = raw.get(site.server.url, b"/account", line)
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        assert raw.get(site.server.url, b"/connect", line).status == 200

    def test_a_changed_one_has_no_attempt(self, site: Standing) -> None:
        browser = site.browser()
        state = begun(browser)
        for cookie in list(browser.cookies):
            payload, stamp, signature = str(cookie.value).rsplit(".", 2)
            changed = signature[:-2] + ("AA" if signature[-2:] != "AA" else "BB")
            cookie.value = f"{payload}.{stamp}.{changed}"
        text = refused(site, come_back(browser, f"code=a&state={state}"), 400)
        assert "This page is from an earlier attempt" in text
