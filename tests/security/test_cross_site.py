"""What another site's page makes a browser send is refused, even with a valid CSRF token."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from tests.browsers import Complaints
from tests.environment import CALLBACK
from tests.fixtures.app import MakeApp
from tests.fixtures.served import Serve
from tests.forms import the_form
from tests.security.callers import UNSAFE, caller, routes
from tests.servers import Sandbox
from tests.walk import BrowserLikeClient, connect_form
from webapp.views.http.guards import access_of

EVIL = "https://evil.example"
REFUSED = "This request came from another website"


def sign_out(client: BrowserLikeClient, **headers: str) -> int:
    """Press the button that every page has, with the token of this browser."""
    form = the_form(client.get("/account").text, "/sign-out")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/sign-out", data=form.data(), headers=named).status_code


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "made-up"},
        {"Sec_Fetch_Site": "cross-site", "Origin": "null"},
        {"Origin": EVIL},
        {"Origin": EVIL, "Sec_Fetch_Site": "same-origin"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "not an origin"},
    ],
)
def test_a_valid_token_does_not_help_another_site(
    app: Flask, sandbox: Sandbox, headers: dict[str, str]
) -> None:
    client = caller(app, sandbox, "person")
    assert isinstance(client, BrowserLikeClient)
    assert sign_out(client, **headers) == 403
    assert client.get("/account").status_code == 200, "still signed in"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "null"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "OURS"},
        {"Origin": "OURS"},
    ],
)
def test_our_own_pages_still_work(app: Flask, sandbox: Sandbox, headers: dict[str, str]) -> None:
    client = caller(app, sandbox, "person")
    assert isinstance(client, BrowserLikeClient)
    ours = {name: value.replace("OURS", client.origin) for name, value in headers.items()}
    assert sign_out(client, **ours) == 303


def test_the_page_says_in_words_what_happened(client: BrowserLikeClient) -> None:
    form = connect_form(client).data()
    answer = client.post("/connect", data=form, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert REFUSED in answer.text
    assert "Location" not in answer.headers
    german = {"Sec-Fetch-Site": "cross-site", "Accept-Language": "de"}
    assert "anderen Website" in client.post("/connect", data=form, headers=german).text


def test_every_unsafe_route_of_browsers_refuses(app: Flask, sandbox: Sandbox) -> None:
    client = caller(app, sandbox, "operator")
    token = connect_form(app.test_client()).data()["csrf_token"][0]
    found = [
        (method, path)
        for method, endpoint, path in routes(app)
        if method in UNSAFE and access_of(app, endpoint) not in ("service", "tiktok")
    ]
    assert len(found) > 15
    for method, path in found:
        sent = {"method": method, "data": {"csrf_token": token}, "headers": {"Origin": EVIL}}
        answer = client.open(path, **sent)
        assert (answer.status_code, REFUSED in answer.text) == (403, True), path


def test_an_operators_page_stays_unknown_to_strangers(client: BrowserLikeClient) -> None:
    answer = client.post("/operators/keys", headers={"Origin": EVIL})
    assert answer.status_code == 404


def test_callers_without_cookies_are_not_asked(client: BrowserLikeClient) -> None:
    foreign = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
    assert client.post("/api/v1/tokens/-000x/refresh", headers=foreign).status_code == 401
    assert client.post("/webhooks/tiktok", headers=foreign).status_code == 401
    assert client.get("/connect", headers=foreign).status_code == 200, "a link is no form"


def test_a_proxy_may_drop_the_port_and_another_name_may_be_trusted(make_app: MakeApp) -> None:
    app = make_app(
        TIKTOK_REDIRECT_URI=f"https://connect.example:8443{CALLBACK}",
        TRUSTED_HOSTS="www.connect.example",
        PROXY_HOPS="1",
    )
    for host, origin, status in (
        ("connect.example", "https://connect.example:8443", 400),
        ("www.connect.example", "https://www.connect.example", 400),
        ("connect.example", "https://www.connect.example", 403),
        ("www.connect.example", "http://www.connect.example", 403),
    ):
        headers = {"Origin": origin}
        answer = app.test_client().post("/connect", base_url=f"https://{host}", headers=headers)
        assert answer.status_code == status, "400: it lacks the token"


class Hostile(BaseHTTPRequestHandler):
    """A page of another port, which submits a form to our site as soon as a button is pressed."""

    target = token = ""

    def do_GET(self) -> None:
        page = (
            f"<!doctype html><title>x</title><link rel=icon href='data:,'>"
            f"<form method=post action='{self.target}'>"
            f"<input type=hidden name=csrf_token value='{self.token}'><button>Win</button></form>"
        )
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hostile() -> Iterator[tuple[str, type[Hostile]]]:
    """A page on another port of this host, so the same site, but not the same origin."""
    handler = type("Handler", (Hostile,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", handler
        server.shutdown()
        thread.join()


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["same-site", "cross-site"])
def test_a_hostile_page_that_has_the_token_is_refused(
    serve: Serve,
    page: Page,
    complaints: Complaints,
    hostile: tuple[str, type[Hostile]],
    host: str,
) -> None:
    url, handler = hostile
    site = serve().url
    page.goto(f"{site}/cookies")
    handler.target = f"{site}/theme"
    handler.token = page.locator("input[name=csrf_token]").first.get_attribute("value") or ""
    assert handler.token
    page.goto(url.replace("127.0.0.1", host))
    complaints.expect("403")
    with page.expect_navigation() as answered:
        page.get_by_role("button", name="Win").click()
    assert answered.value is not None
    assert answered.value.status == 403
    expect(page.get_by_role("heading", level=1)).to_have_text(REFUSED)


@pytest.mark.long
@pytest.mark.browser
def test_forms_of_a_page_without_referrer_work_in_the_browser(
    serve: Serve, page: Page, complaints: Complaints
) -> None:
    """A failed callback has `no-referrer`, so Chromium sends `Origin: null` with its forms."""
    site = serve().url
    complaints.expect("400")
    page.goto(f"{site}{CALLBACK}")
    assert page.evaluate("document.querySelector('form[action=\"/theme\"]') !== null")
    form = page.locator("form[action='/theme']")
    with page.expect_request(lambda sent: urlsplit(sent.url).path == "/theme") as sent:
        form.get_by_role("button", name="Dark").click()
    assert sent.value.all_headers()["origin"] == "null", "what this test is about"
    answer = sent.value.response()
    assert answer is not None
    assert answer.status == 303
