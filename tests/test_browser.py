"""The browser of the tests reports what its console says, and reaches this machine alone."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Error, Page

from tests.browsers import Complaints

pytestmark = pytest.mark.browser

PAGE = b"<!doctype html><title>x</title><link rel=icon href='data:,'><p id=p>quiet</p>"
SCRIPT = b"<script>document.getElementById('p').textContent = 'loud'; console.error('oh')</script>"


class OnePage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        strict = self.path == "/strict"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        if strict:
            self.send_header("Content-Security-Policy", "script-src 'none'")
        self.end_headers()
        self.wfile.write(PAGE + SCRIPT)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), OnePage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_console_error_is_a_complaint(page: Page, complaints: Complaints, site: str) -> None:
    page.goto(site)
    assert page.inner_text("#p") == "loud"
    assert complaints.unexpected() == [f"error: oh ({site}/)"]
    complaints.expect("oh")


def test_what_the_csp_blocks_is_a_complaint(page: Page, complaints: Complaints, site: str) -> None:
    page.goto(site + "/strict")
    assert page.inner_text("#p") == "quiet"
    assert any("Content Security Policy" in c for c in complaints.unexpected())
    complaints.expect("Content Security Policy")


def test_without_javascript_no_script_runs(page_without_javascript: Page, site: str) -> None:
    page_without_javascript.goto(site)
    assert page_without_javascript.locator("#p").text_content() == "quiet"


def test_no_other_host_is_reached(page: Page) -> None:
    with pytest.raises(Error, match="ERR_NAME_NOT_RESOLVED"):
        page.goto("http://example.com/")
