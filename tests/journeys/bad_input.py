"""What every test of bad input shares: one served app, and what must hold after each request."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests

from tests.environment import CALLBACK
from tests.journeys.http_browser import HttpBrowser
from tests.journeys.raw import RawAnswer
from tests.journeys.standing import Standing, standing
from tests.security import standards
from tests.servers import Sandbox
from tests.walk import begin

#: Nothing that comes from a browser may leave a row here.
TABLES = ("users", "browser_sessions")


@contextmanager
def unharmed(site: Standing) -> Iterator[Standing]:
    """Begin with a fresh TikTok; insist that nothing was stored and nothing broke."""
    site.sandbox.forget()
    before = len(site.broken())
    yield site
    assert {table: site.rows(table) for table in TABLES} == dict.fromkeys(TABLES, 0)
    assert site.broken()[before:] == []


@contextmanager
def stood(
    sandbox: Sandbox, template: Callable[[str], str], folder: Path, **changes: str
) -> Iterator[Standing]:
    """Serve the app for one module of tests."""
    with standing(sandbox, template, folder, **changes) as site:
        yield site


def refused(site: Standing, answer: requests.Response | RawAnswer, status: int) -> str:
    """Insist on the status, on every security header and on a page for people; return its text."""
    found, headers = answer_of(answer)
    assert found == status, f"{found}\n{text_of(answer)[:600]}"
    assert standards.faults(headers, site.sandbox.url) == []
    assert headers.get("Cache-Control") == "no-store"
    text = text_of(answer)
    assert "<h1>" in text
    assert "Traceback" not in text
    return text


def answer_of(answer: requests.Response | RawAnswer) -> tuple[int, Mapping[str, str]]:
    """Return status and headers of either kind of answer."""
    status = answer.status if isinstance(answer, RawAnswer) else answer.status_code
    return status, answer.headers


def text_of(answer: requests.Response | RawAnswer) -> str:
    """Return the body as text."""
    body = answer.body if isinstance(answer, RawAnswer) else answer.content
    return body.decode(errors="replace")


def begun(browser: HttpBrowser) -> str:
    """Press the button in this browser; return the state it left with."""
    return parse_qs(urlsplit(begin(browser)).query)["state"][0]


def come_back(browser: HttpBrowser, query: str) -> requests.Response:
    """Bring a query back to the callback, byte for byte."""
    return browser.get(f"{CALLBACK}?{query}")
