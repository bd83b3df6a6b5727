"""The sandbox as a process: start and stop, HTTP connections, security headers, concurrency."""

import http.client
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox.client import ROOT, Client, start, stop


def test_it_stops_quietly_when_asked() -> None:
    started = start()
    assert stop(started) == ("", "")
    assert started.process.returncode == 0


def test_a_port_in_use_prints_one_clear_line(running: Client) -> None:
    port = str(urlsplit(running.url).port)
    ended = subprocess.run(
        [sys.executable, "-m", "sandbox", "--port", port],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.splitlines() == [
        f"sandbox: port {port} is in use; choose another with --port, or 0 for a free one"
    ]


def test_it_loads_nothing_of_webapp() -> None:
    code = "import sys, sandbox.app; print([m for m in sys.modules if m.startswith('webapp')])"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_one_connection_carries_many_calls(sandbox: Client) -> None:
    parts = urlsplit(sandbox.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.connect()
    for _ in range(3):
        kept = connection.sock
        connection.request("POST", "/v2/oauth/token/", body=b"x" * 9000)
        connection.getresponse().read()
        assert connection.sock is kept
    connection.close()


def test_a_connection_can_be_closed_after_each_response(sandbox: Client) -> None:
    sandbox.control("settings", keep_alive=0)
    answer = sandbox.http.get(f"{sandbox.url}/control/books")
    assert answer.headers["Connection"] == "close"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Transfer-Encoding": "chunked"}, 411),
        ({"Content-Length": "2000000"}, 413),
        ({"Content-Length": "+5"}, 400),
    ],
)
def test_invalid_bodies_are_refused(sandbox: Client, headers: dict[str, str], status: int) -> None:
    parts = urlsplit(sandbox.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.putrequest("POST", "/v2/oauth/token/")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_raw_bytes_in_the_url_are_refused(sandbox: Client) -> None:
    parts = urlsplit(sandbox.url)
    with socket.create_connection(
        (parts.hostname or "", parts.port or 0), timeout=10
    ) as connection:
        connection.sendall(
            b"GET /v2/auth/authorize/?state=\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        )
        assert connection.recv(12) == b"HTTP/1.1 400"


def test_no_response_sets_a_cookie_or_allows_scripts(sandbox: Client) -> None:
    for path in ("/", "/static/sandbox.css", "/v2/auth/authorize/", "/control/books"):
        answer = sandbox.http.get(f"{sandbox.url}{path}")
        assert "Set-Cookie" not in answer.headers
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_every_page_says_it_is_not_tiktok(sandbox: Client) -> None:
    consent = sandbox.authorize(sandbox.request())
    for page in (sandbox.http.get(sandbox.url), consent, sandbox.authorize({})):
        assert "Mock TikTok" in page.text
        assert "not TikTok" in page.text
        assert "<script" not in page.text
        assert "style=" not in page.text


def test_two_hundred_slow_calls_delay_no_other_call(sandbox: Client) -> None:
    sandbox.control("latency", seconds=2, endpoint="revoke")
    everyone = threading.Barrier(201)

    def call(_: int) -> int:
        with requests.Session() as session:
            session.get(f"{sandbox.url}/control/books")
            everyone.wait(30)
            return session.post(f"{sandbox.url}/v2/oauth/revoke/", data="x=y").status_code

    with ThreadPoolExecutor(200) as pool:
        calls = pool.map(call, range(200))
        everyone.wait(30)
        assert sandbox.sign_in()["access_token"]
        assert list(calls) == [200] * 200
    assert sandbox.read("counters")["peak_open_calls"] > 100


def test_one_refresh_token_used_by_many_rotates_once(sandbox: Client) -> None:
    token = sandbox.sign_in()["refresh_token"]

    def refresh(_: int) -> bool:
        return "access_token" in Client.refresh(with_own_connections(sandbox), token).json()

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(refresh, range(32))).count(True) == 1
    assert sandbox.read("counters")["spent_refresh_tokens_seen"] == 31


def with_own_connections(sandbox: Client) -> Client:
    """Return a client of the same sandbox that opens a new connection for each call."""
    return Client(sandbox.url, sandbox.key, sandbox.secret, http=_closing())


def _closing() -> requests.Session:
    session = requests.Session()
    session.headers["Connection"] = "close"
    return session
