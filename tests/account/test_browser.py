"""The way from the banner back to a working connection, and “Renew now”, in a real browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.servers import Gunicorn, Sandbox
from tests.webhooks.served import deliveries

pytestmark = [pytest.mark.browser, pytest.mark.long]


def connect(page: Page, server: Gunicorn) -> None:
    """Walk the whole way, from the front page to the account."""
    page.goto(f"{server.url}/connect")
    page.get_by_role("button", name="Continue with TikTok").click()
    allow(page)
    page.goto(f"{server.url}/account")


def allow(page: Page) -> None:
    """Say yes at TikTok."""
    page.locator('input[name="person"][value="mara"]').check()
    page.get_by_role("button", name="Allow", exact=True).click()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_removed_at_tiktok_then_back_in_two_clicks(
    server: Gunicorn, sandbox: Sandbox, open_page: Callable[..., Page], *, javascript: bool
) -> None:
    page = open_page(javascript=javascript)
    connect(page, server)
    sandbox.control("webhook", url=f"{server.url}/webhooks/tiktok")
    sandbox.deauthorize("mara")
    assert deliveries(sandbox) == [200]
    page.reload()
    banner = page.locator(".state.bad")
    expect(banner.get_by_role("heading")).to_have_text("TikTok needs you to sign in again")
    expect(banner).to_contain_text("because it was removed in the TikTok app.")
    expect(page.locator(".ticket .tag")).to_have_text("Reconnect needed")
    banner.get_by_role("button", name="Reconnect TikTok").click()
    expect(page).to_have_title("Allow access? · Mock TikTok")
    allow(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Connected again")
    page.goto(f"{server.url}/account")
    expect(banner).to_be_hidden()
    expect(page.locator(".ticket .tag")).to_have_text("Connected")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_refresh_now_tells_what_came_of_it(
    server: Gunicorn, sandbox: Sandbox, open_page: Callable[..., Page], *, javascript: bool
) -> None:
    page = open_page(javascript=javascript, viewport={"width": 320, "height": 640})
    connect(page, server)
    button = page.get_by_role("button", name="Renew now")
    expect(button).to_be_hidden()
    sandbox.faults("token", "http500", times=2)
    # What a page sends that was opened while renewals failed before.
    token = page.locator("[name=csrf_token]").first.input_value()
    page.request.post(
        f"{server.url}/account/refresh",
        form={"csrf_token": token},
        headers={"Origin": server.url},
    )
    page.reload()
    expect(page.locator(".ticket .tag")).to_have_text("Connected, retrying")
    button.click()
    expect(page.get_by_role("status")).to_contain_text("It still works until")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    button.click()
    expect(page.get_by_role("status")).to_contain_text("Access was renewed. It works until")
    expect(page.locator(".ticket .tag")).to_have_text("Connected")
    expect(button).to_be_hidden()
    assert sandbox.calls("token.refresh_token") == 3
