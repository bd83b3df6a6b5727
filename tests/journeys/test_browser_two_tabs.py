"""Two tabs, a return that is delivered twice, and a page fetched ahead, in a real browser."""

from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import Page, Route

from tests.browsers import Complaints
from tests.journeys import pages
from tests.journeys.sites import Site
from tests.servers import Sandbox, plain_session
from tests.walk import consent

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_a_return_that_the_browser_gives_up_and_opens_again_ends_signed_in(
    simple: Site, sandbox: Sandbox, page: Page
) -> None:
    pages.leave_for_tiktok(page, simple.url)
    callback = consent(page.url)
    sandbox.latency(1.2, "token")
    page.evaluate("url => { location.href = url; setTimeout(() => window.stop(), 400) }", callback)
    page.wait_for_timeout(600)
    page.goto(callback)
    pages.heading(page, "Connected")
    page.goto(f"{simple.url}/account")
    assert page.url.endswith("/account")
    assert sandbox.calls("token.authorization_code") == 1


def test_a_return_that_is_fetched_ahead_is_still_good(
    simple: Site, sandbox: Sandbox, page: Page, complaints: Complaints
) -> None:
    pages.leave_for_tiktok(page, simple.url)
    callback = consent(page.url)
    ahead = f"{simple.url}/ahead"
    link = f'<!doctype html><title>a</title><link rel="prefetch" href="{callback}">'
    page.route(ahead, lambda route: route.fulfill(body=link, content_type="text/html"))
    complaints.expect("503")
    with page.expect_response(callback) as fetched:
        page.goto(ahead)
    assert fetched.value.request.all_headers().get("sec-purpose", "").startswith("prefetch")
    assert fetched.value.status == 503
    assert sandbox.calls("token.authorization_code") == 0
    page.goto(callback)
    pages.heading(page, "Connected")


def serving(answer: requests.Response) -> Callable[[Route], None]:
    """Return a route that gives a page the answer, and lets its form pass."""

    def serve(route: Route) -> None:
        if route.request.method == "POST":
            route.continue_()
            return
        cookie = answer.headers["Set-Cookie"]
        headers = {"Set-Cookie": cookie, "Content-Type": "text/html; charset=utf-8"}
        route.fulfill(body=answer.text, headers=headers)

    return serve


def test_the_first_of_two_tabs_of_a_fresh_browser_may_be_used(simple: Site, page: Page) -> None:
    """Both are asked for before either has set a cookie."""
    second = page.context.new_page()
    answers = []
    for _ in range(2):
        with plain_session() as fresh:
            answers.append(fresh.get(f"{simple.url}/connect"))
    for tab, answer in zip((page, second), answers, strict=True):
        tab.route("**/connect", serving(answer))
        tab.goto(f"{simple.url}/connect")
        tab.unroute_all()
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected")


def test_two_tabs_that_press_at_the_same_moment_both_come_back(simple: Site, page: Page) -> None:
    second = page.context.new_page()
    for tab in (page, second):
        tab.goto(f"{simple.url}/connect")
    for tab in (page, second):
        tab.get_by_role("button", name=pages.CONTINUE).click(no_wait_after=True)
    for tab in (page, second):
        tab.wait_for_url("**/authorize/**")
    pages.allow(page)
    pages.heading(page, "Connected")
    pages.allow(second)
    second.wait_for_url("**/account")
