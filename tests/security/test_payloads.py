"""Attack payloads in every parameter of every route, from each kind of caller: nothing gives way.

No answer is a 5xx or late, none repeats a payload that a browser would run or follow, and no row
changes that the same request with a plain word wouldn't change.
"""

import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote, urlencode, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.security.callers import CALLERS, PARTS, Caller, caller, routes
from tests.security.test_properties import FILTERS, stored
from tests.servers import Sandbox
from tests.walk import connect, connect_form

#: In each payload that would leave a trace in an answer, so it is found there.
MARK = "zq7x"
EVIL = "evil.example"
PAYLOADS: dict[str, tuple[str, ...]] = {
    "sql": (
        *("' OR '1'='1", "1 OR 1=1 --", '" OR ""="', "') OR ('1'='1", "' AND 1=2 --"),
        *("'", '"', "'||(SELECT 1/0)||'", "1' AND CAST('x' AS INTEGER) --"),
        *(f"' UNION SELECT '{MARK}',NULL,NULL --", "0 UNION ALL SELECT access_token FROM users --"),
        *("'; DELETE FROM users; --", "1; UPDATE users SET status='revoked'; --"),
        *("'; DROP TABLE browser_sessions; --", "x%' ESCAPE '\\", "%' OR '%'='"),
        "1 AND 1=(SELECT count(*) FROM users a, users b, users c, users d, users e, users f)",
        *(
            "' || pg_sleep(20) --",
            "1; SELECT pg_sleep(20)",
            f"' AND randomblob(900000000) || '{MARK}",
        ),
    ),
    "script": (
        *(f"<script>{MARK}</script>", f"<img src=x onerror={MARK}>", f"<svg/onload={MARK}>"),
        *(f'"><b id={MARK}>', f"'><b id={MARK}>", f'" autofocus onfocus={MARK} x="'),
        *(f"' onmouseover={MARK} '", f"javascript:{MARK}", f"</title><b>{MARK}", f"<!--{MARK}-->"),
        *(f"';{MARK}//", f"\\';{MARK}//", f"</script><b>{MARK}", f"`${{{MARK}}}`"),
        *(f"<a href='javascript:{MARK}'>", f"&lt;b&gt;{MARK}", f"\ufe64script\ufe65{MARK}"),
    ),
    "path": (
        *(
            "../../../../etc/passwd",
            "..%2f..%2fetc%2fpasswd",
            "....//....//etc/passwd",
            "/etc/passwd",
        ),
        *(
            "..\\..\\windows\\win.ini",
            "file:///etc/passwd",
            "%00/etc/passwd",
            "style.css/../../.env",
        ),
        *("php://filter/resource=/etc/passwd", "/proc/self/environ", "../.env"),
    ),
    "header": (
        *(f"x\r\nSet-Cookie: {MARK}=1", f"x\nLocation: https://{EVIL}/", f"x\r\n\r\n<b>{MARK}</b>"),
        *(f"x%0d%0aSet-Cookie:{MARK}=1", f"x\u560a\u560dSet-Cookie: {MARK}=1", f"x\x0bA: {MARK}"),
    ),
    "redirect": (
        *(f"https://{EVIL}/", f"//{EVIL}/", f"/\\{EVIL}/", f"/\t/{EVIL}/", f"https:{EVIL}"),
        *(f"https://127.0.0.1@{EVIL}/", f"https://{EVIL}#127.0.0.1", f"javascript://{EVIL}/%0a"),
        *(f"tokens?//{EVIL}", f"data:text/html,{EVIL}", f"http://127.0.0.1.{EVIL}/"),
    ),
    "template": (
        *("{{7777*7}}", "{%if 7777*7%}54{%endif%}439", "${7777*7}", "#{7777*7}", "<%=7777*7%>"),
        *("%(7777)s%(x)s", "{0.__class__}", "%s%s%s%n", "{{config}}", "@(7777*7)"),
    ),
    "request": (
        *(
            "http://127.0.0.1:{port}/ssrf",
            "http://localhost:{port}/ssrf",
            "http://[::1]:{port}/ssrf",
        ),
        *(
            "http://2130706433:{port}/ssrf",
            "gopher://127.0.0.1:{port}/_ssrf",
            "dict://127.0.0.1:1/",
        ),
    ),
    "command": (
        *(";sleep 20", "|sleep 20", "$(sleep 20)", "`sleep 20`", "&& sleep 20 &&", "\nsleep 20\n"),
        *("' ; __import__('time').sleep(20) ; '", "{{''.__class__.__mro__[1].__subclasses__()}}"),
    ),
}
#: What must be in no answer at all: a payload that was carried out, or a file that was read.
DONE = re.compile(r"root:x:0|54439|SECRET_KEY=|\bTraceback\b|sqlite3\.|psycopg|OperationalError")
#: Parameters that forms and pages read; those of the operators' lists are in FILTERS.
NAMES = (
    *("add", "added", "kind", "another", "another_account", "scopes", "return_to", "state"),
    *("then", "next", "theme", "language", "back", "name", "ticket", "typed", "count", "job"),
    *("confirm", "message", "query", "all", "v", "key", "sel", "before", "after"),
    *("min_ttl", "scope", "rejected_version", "page", "q"),
)
#: These end a session or are another test's: a payload beside the true token may not press them.
PRESSED = (
    *("/sign-out", "/sign-out/everywhere", "/sign-out/others", "/account/sessions/sign-out"),
    *("/account/disconnect", "/account/refresh"),
)
#: Seconds. A statement, pattern or shell that a payload has slowed down takes longer.
LATE = 15.0


class Live(HTMLParser):
    """Gathers what a browser would take for markup or a script of the payload's; ours has none."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._tag = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look for handlers, made-up elements and links to scripts."""
        self._tag = tag
        for name, value in attrs:
            target = (value or "").strip().lower()
            leads = name in ("href", "src", "action", "formaction")
            runs = leads and target.startswith(("javascript:", "data:text/html"))
            if name.startswith("on") or runs or (name == "id" and value == MARK):
                self.found.append(f"<{tag} {name}={value}>")

    def handle_data(self, data: str) -> None:
        """Look for text in an element that no page of ours fills with what was sent."""
        if self._tag in ("script", "style", "b") and MARK in data:
            self.found.append(f"<{self._tag}>{data}")

    def handle_comment(self, data: str) -> None:
        """Look for a comment of the payload's."""
        if MARK in data:
            self.found.append(f"<!--{data}")


def requests_with(app: Flask, payload: str) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Yield (method, address, form) of each route, with the payload in each of its parts."""
    every = dict.fromkeys((*NAMES, *FILTERS), payload)
    for method, _endpoint, path in routes(app):
        rule_parts = [word for word in PARTS.values() if word in path]
        for word in rule_parts:
            form = {} if method == "GET" else every
            yield method, path.replace(word, quote(payload, safe="")), form
        if method == "GET":
            yield method, f"{path}?{urlencode(every)}", {}
            continue
        if path not in PRESSED:
            yield method, path, every


def judge(answer: TestResponse, asked: str, payload: str) -> None:
    """Fail if this answer shows that the payload did anything."""
    said = answer.text
    assert answer.status_code < 500, f"{asked} ← {payload!r}: {said[:500]}"
    assert not DONE.search(said), f"{asked} ← {payload!r}"
    if answer.mimetype == "text/html":
        assert not Live(said).found, f"{asked} ← {payload!r}"
    for name, value in answer.headers:
        assert MARK not in name
        assert "\r" not in value
        assert "\n" not in value
        if name == "Set-Cookie":
            assert MARK not in value.partition("=")[0]
    if (to := answer.headers.get("Location")) is not None:
        there = urlsplit(to)
        assert there.scheme in ("", "http"), to
        assert there.hostname in (None, "127.0.0.1", "localhost"), to
        assert not to.startswith(("//", "/\\")), to


def tried(app: Flask, client: FlaskClient, payload: str, token: str) -> None:
    """Send a payload everywhere."""
    for method, address, form in requests_with(app, payload):
        sent = form | ({"csrf_token": token} if form else {})
        began = time.monotonic()
        answer = client.open(address, method=method, data=sent or None, buffered=True)
        assert time.monotonic() - began < LATE, f"{method} {address}"
        judge(answer, f"{method} {address}", payload)


def every_case() -> Iterator[object]:
    """Yield each payload with each caller; the quick tests try the first of a class."""
    for those in PAYLOADS.values():
        for payload in those:
            for kind in CALLERS:
                quick = payload == those[0] and kind == "operator"
                yield pytest.param(payload, kind, marks=[] if quick else [pytest.mark.long])


@pytest.mark.parametrize(("payload", "kind"), list(every_case()), ids=repr)
def test_no_payload_does_anything(app: Flask, sandbox: Sandbox, kind: Caller, payload: str) -> None:
    connect(app.test_client(), "jo")
    client = caller(app, sandbox, kind)
    token = connect_form(client).data()["csrf_token"][0]
    before = stored(app)
    tried(
        app,
        client,
        payload.replace("{port}", urlsplit(sandbox.url).netloc.partition(":")[2]),
        token,
    )
    after = stored(app)
    for one, other in zip(before, after, strict=True):
        assert one == other
    account = client.get("/account")
    assert account.status_code == (303 if kind == "nobody" else 200), "the session is what it was"
    assert client.get("/operators/tokens").status_code == (200 if kind == "operator" else 404)
    assert not sandbox.counters()["trap_hits"], "nothing of ours opened an address that was sent"


def test_the_judge_finds_what_a_payload_did() -> None:
    for payload in PAYLOADS["script"][:5]:
        answer = TestResponse(
            *([f"<p title=''>{payload}</p>".encode()], "200 OK", {"Content-Type": "text/html"}),
            request=FlaskClient(Flask("weak")).get("/").request,
        )
        with pytest.raises(AssertionError):
            judge(answer, "GET /", payload)
