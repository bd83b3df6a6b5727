"""Over 100,000 requests, memory and open files of the server stay where they were."""

import http.client
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from tests.environment import CALLBACK
from tests.fixtures.served import Serve
from tests.workers import children, descriptors, memory

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

REQUESTS, WARM_UP, CLIENTS = 100_000, 20_000, 8
#: On one connection, then it is closed and another one opened.
ON_ONE = 50
#: Kilobytes.
MOST_GROWTH = 8 * 1024

JSON = {"Content-Type": "application/json", "Authorization": "Bearer wrong"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
#: What a stranger may ask for: method, path, body, headers, status.
ASKED = (
    ("GET", "/healthz", None, {}, 200),
    ("GET", "/static/style.css", None, {}, 200),
    ("GET", "/healthz?a={}", None, {}, 200),
    ("GET", "/nothing/{}", None, {}, 404),
    ("GET", "/api/v1/tokens/-000{}", None, JSON, 401),
    ("POST", "/api/v1/tokens/-000{}/refresh", '{"rejected_version": 1}', JSON, 401),
    ("POST", "/webhooks/tiktok", '{"a": "{}"}', {"TikTok-Signature": "t=1,s=0"}, 401),
    ("GET", "/", None, {}, 200),
    ("GET", "/connect", None, {"Accept-Language": "de"}, 200),
    ("POST", "/connect", "csrf_token=x&a={}", FORM, 400),
    ("GET", CALLBACK + "?state={}&code=x", None, {}, 400),
    ("BREW", "/healthz", None, {}, 405),
)


def ask(origin: str, first: int, number: int) -> None:
    """Ask for all of it in turn; each number is asked for once."""
    parts = urlsplit(origin)
    for start in range(first, first + number, ON_ONE):
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        for n in range(start, min(start + ON_ONE, first + number)):
            method, path, body, headers, status = ASKED[n % len(ASKED)]
            sent = body.replace("{}", str(n)) if body else None
            connection.request(method, path.replace("{}", str(n)), sent, dict(headers))
            answer = connection.getresponse()
            answer.read()
            assert answer.status == status, (method, path)
        connection.close()


def ask_many(origin: str, first: int, number: int) -> None:
    """Ask with several clients at the same time."""
    each = number // CLIENTS
    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = [pool.submit(ask, origin, first + n * each, each) for n in range(CLIENTS)]
        for one in asked:
            one.result()


def test_memory_and_files_stay_where_they_were(serve: Serve) -> None:
    # Without limits, or nearly every answer would be the same 429.
    server = serve(RATELIMIT_ENABLED="0", LOG_LEVEL="ERROR")
    (worker,) = children(server.process.pid)
    ask_many(server.url, 0, WARM_UP)
    kilobytes, files = memory(worker), descriptors(worker)
    ask_many(server.url, WARM_UP, REQUESTS - WARM_UP)
    assert memory(worker) - kilobytes < MOST_GROWTH
    assert descriptors(worker) <= files + 2
