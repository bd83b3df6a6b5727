"""How a person comes to the page of each cause; never by an address that only a test would know."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from playwright.sync_api import Page

from tests.contract.unmade import FULL
from tests.environment import CALLBACK
from tests.forms import the_form
from tests.journeys import pages
from tests.journeys.http_browser import HttpBrowser
from tests.journeys.sites import Site
from tests.servers import Sandbox
from tests.services.test_disconnect_waits import until
from tests.walk import connect

Way = Callable[[Page, Site, Sandbox], object]


def finish(page: Page, site: Site, person: str = "mara") -> None:
    """Leave for TikTok and allow everything."""
    pages.leave_for_tiktok(page, site.url)
    pages.allow(page, person)


def cancel(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Say no at TikTok."""
    pages.leave_for_tiktok(page, site.url)
    pages.press(page, "Cancel")


def take_too_long(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Leave TikTok's question open for more than ten minutes."""
    pages.leave_for_tiktok(page, site.url)
    site.let_attempts_age(page.context, 11 * 60)
    pages.allow(page)


def lose_the_cookie(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Come back in a browser that kept nothing."""
    pages.leave_for_tiktok(page, site.url)
    page.context.clear_cookies()
    pages.allow(page)


def block_cookies(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Press the button in a browser that keeps nothing."""
    page.goto(f"{site.url}/")
    page.context.clear_cookies()
    pages.press(page, pages.CONTINUE)


def begin_six_times(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Finish the first of more sign-ins than a browser may have under way."""
    for _ in range(6):
        pages.leave_for_tiktok(page, site.url)
    for _ in range(5 * 2):
        page.go_back()
    pages.allow(page)


def open_the_callback_twice(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Connect, sign out and open the address of the return from the browser's history."""
    with page.expect_request(lambda request: CALLBACK in request.url) as coming:
        finish(page, site)
    pages.heading(page, "Connected")
    pages.press(page, "Sign out")
    page.goto(coming.value.url)


def reload_a_failure(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Say no, then load the page that told it once more."""
    pages.leave_for_tiktok(page, site.url)
    pages.press(page, "Cancel")
    # A reload while Chromium still changes over from the other site is an error of its own.
    page.wait_for_url(f"{site.url}/**")
    page.reload()


def leave_out_the_name(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Untick the one permission that nobody can do without."""
    pages.leave_for_tiktok(page, site.url)
    pages.allow(page, but=["user.info.basic"])


def be_no_tester(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Sign in with an account that is not a target user of a Sandbox app."""
    pages.leave_for_tiktok(page, site.url)
    pages.press(page, "Simulate: not a target user")


def return_as_somebody_else(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Connect again, with another account than the one that is signed in."""
    pages.connect(page, site.url)
    page.goto(f"{site.url}/connect")
    pages.press(page, pages.CONTINUE)
    pages.allow(page, "jo")


def delete_the_account_elsewhere(page: Page, site: Site, sandbox: Sandbox) -> None:
    """Sign in, and delete the account in another browser before TikTok has said the name."""
    other = HttpBrowser(site.url)
    assert connect(other).status_code == 303
    pages.leave_for_tiktok(page, site.url)
    sandbox.latency(9, "user_info")

    def delete() -> None:
        until(lambda: sandbox.counters()["open_calls"] > 0)
        sandbox.latency(0)
        form = the_form(other.get("/account/delete").text, "/account/delete")
        ticket = other.get("/account/export").json()["ticket"]
        assert other.post("/account/delete", data=form.data(ticket=ticket)).status_code == 303
        sandbox.release()

    with ThreadPoolExecutor(1) as pool:
        deleting = pool.submit(delete)
        pages.allow(page)
        deleting.result(30)


def at_tiktok(endpoint: str, kind: str, **options: object) -> Way:
    """Return a way on which TikTok has a fault."""

    def way(page: Page, site: Site, sandbox: Sandbox) -> None:
        sandbox.faults(endpoint, kind, **options)
        finish(page, site)

    return way


def find_the_disk_full(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Come back when the database takes nobody new."""
    site.sql(FULL)
    finish(page, site)
    page.wait_for_url(f"{site.url}/**")
    site.sql("DROP TRIGGER full_disk")


def use_an_old_form(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Press a button of a page that was opened before signing out and in again."""
    finish(page, site)
    pages.heading(page, "Connected")
    other = page.context.new_page()
    other.goto(f"{site.url}/account")
    pages.press(other, "Sign out")
    pages.connect(other, site.url)
    pages.press(page, "Sign out")


def paste_a_book(page: Page, site: Site, _sandbox: Sandbox) -> None:
    """Put far too much into a field."""
    finish(page, site)
    pages.heading(page, "Connected")
    page.goto(f"{site.url}/account/delete")
    page.get_by_label("Your ticket number").fill("a book " * 3000)
    pages.press(page, "Yes, delete my account")


def at(path: str, host: str = "127.0.0.1") -> Way:
    """Return the way of a person who types an address."""
    return lambda page, site, _sandbox: page.goto(site.url.replace("127.0.0.1", host) + path)


#: Cause → how one gets to its page. `too_many` and `our_fault` need an app of their own.
WAYS: dict[str, Way] = {
    "denied": cancel,
    "expired": take_too_long,
    "cookie_missing": lose_the_cookie,
    "cookies_blocked": block_cookies,
    "older_attempt": begin_six_times,
    "already_done": open_the_callback_twice,
    "attempt_over": reload_a_failure,
    "tiktok_down": at_tiktok("token", "http500"),
    "not_stored": find_the_disk_full,
    "tiktok_unclear": at_tiktok("token", "html"),
    "basic_missing": leave_out_the_name,
    "site_not_ready": at_tiktok("token", "error200", error="invalid_client"),
    "site_in_testing": be_no_tester,
    "other_account": return_as_somebody_else,
    "account_deleted": delete_the_account_elsewhere,
    "incomplete": at_tiktok("authorize", "answer", answer={"code": "$delete"}),
    "code_refused": at_tiktok("token", "error200", error="invalid_grant"),
    "form_expired": use_an_old_form,
    "not_found": at("/nothing-here"),
    "wrong_method": at("/sign-out"),
    "too_large": paste_a_book,
    "too_long": at(f"{CALLBACK}?code={'a' * 5000}"),
    "other_host": at("/", host="localhost"),
}
