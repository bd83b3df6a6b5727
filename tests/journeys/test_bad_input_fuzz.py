"""Three hundred requests of made-up junk, the same ones every time: none is an error of ours."""

import http.client
import random

import pytest

from tests.environment import CALLBACK
from tests.journeys import raw
from tests.journeys.bad_input import answer_of, begun, unharmed
from tests.journeys.standing import Standing
from tests.security import standards

SEED = 20261122
PATHS = (
    *("/", "/connect", CALLBACK, "/connected", "/account", "/account/delete", "/account/export"),
    *("/operators/tokens", "/static/style.css", "/healthz", "/readyz", "/sign-out", "/privacy"),
)
NAMES = ("code", "state", "error", "error_type", "iss", "add", "after", "before", "kind", "next")
PIECES = (
    *("%ff", "%00", "%0d%0a", "%", "%zz", "%2e%2e/", "..;/", "//", "\\", "'", '"', "<b>"),
    *("{{7*7}}", "${x}", "-1", "9" * 30, "1e999", "NaN", "null", "[]", "act.made-up"),
    *("*1!4735.va", "=", "&", ";", "?", "#", "@evil.example", "http://evil.example"),
    *("\x7f", "%F0%9F%92%A9", "%ED%A0%80"),
)
METHODS = ("GET", "GET", "GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE")


def junk(luck: random.Random, most: int = 6) -> str:
    """Return a few pieces in a row."""
    return "".join(luck.choices(PIECES, k=luck.randint(1, most)))


def request(luck: random.Random, origin: str, state: str, cookie: str) -> tuple[bytes, str]:
    """Return the bytes of one request and its method."""
    path = luck.choice(PATHS) + (junk(luck) if luck.random() < 0.3 else "")
    pairs = [f"{luck.choice(NAMES)}={junk(luck)}" for _ in range(luck.randint(0, 5))]
    if luck.random() < 0.3:
        pairs.append(f"state={state}")
    method = luck.choice(METHODS)
    lines = [
        f"Cookie: {luck.choice((cookie, junk(luck), cookie[:-3] + junk(luck, 1)))}",
        f"Accept: {luck.choice(('text/html', 'application/json', '*/*', junk(luck)))}",
    ]
    body = junk(luck, 30).encode("latin-1") if method in ("POST", "PUT") else b""
    if body:
        kind = luck.choice(("application/x-www-form-urlencoded", "application/json", junk(luck)))
        lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    target = f"{path}?{'&'.join(pairs)}".encode("latin-1")
    if luck.random() < 0.1:
        target += luck.randbytes(4)
    headers = [line.encode("latin-1") for line in lines]
    return raw.head(origin, method.encode(), target, *headers) + body, method


@pytest.mark.long
def test_junk_is_never_an_error_of_ours(stands: Standing) -> None:
    luck = random.Random(SEED)
    browser = stands.browser()
    state = begun(browser)
    with unharmed(stands) as site:
        statuses = set()
        for number in range(300):
            sent, method = request(luck, site.server.url, state, browser.cookie_line)
            try:
                answer = raw.say(site.server.url, sent, method)
            except http.client.HTTPException as error:
                raise AssertionError(f"no answer to request {number}: {sent!r}") from error
            status, headers = answer_of(answer)
            statuses.add(status)
            assert status < 500, f"request {number}: {sent!r}"
            assert not standards.faults(headers, site.sandbox.url), f"request {number}: {sent!r}"
            assert b"evil.example" not in (headers.get("Location") or "").encode()
        # The junk must reach the views, not be stopped at the door each time.
        assert {200, 303, 400, 404, 405} <= statuses
