"""Connecting in a real browser: how much it takes, and what is said when TikTok gives less."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browsers import Complaints
from tests.journeys import pages
from tests.journeys.sites import Site
from tests.servers import Sandbox

pytestmark = pytest.mark.browser


@pytest.mark.rule(63)
def test_two_presses_connect_where_nothing_is_optional(simple: Site, page: Page) -> None:
    effort = pages.Effort().watch(page.context)
    page.goto(f"{simple.url}/")
    page.get_by_role("button", name="Continue with TikTok").click()
    page.get_by_role("button", name="Allow").click()
    pages.heading(page, "Connected")
    assert page.url == f"{simple.url}/connected"
    assert (effort.presses, effort.keys) == (2, 0)


@pytest.mark.long
def test_three_presses_connect_where_something_is_optional(choosing: Site, page: Page) -> None:
    effort = pages.Effort().watch(page.context)
    page.goto(f"{choosing.url}/")
    page.get_by_role("link", name="Continue with TikTok").click()
    expect(page.get_by_label("Your public videos")).not_to_be_checked()
    page.get_by_role("button", name="Continue with TikTok").click()
    page.get_by_role("button", name="Allow").click()
    pages.heading(page, "Connected")
    assert (effort.presses, effort.keys) == (3, 0)


@pytest.mark.long
def test_whoever_returns_needs_one_press_on_our_side(
    simple: Site, sandbox: Sandbox, page: Page
) -> None:
    pages.connect(page, simple.url)
    pages.press(page, "Sign out")
    sandbox.control("settings", auto_auth="mara")
    effort = pages.Effort().watch(page.context)
    page.goto(f"{simple.url}/")
    page.get_by_role("button", name="Continue with TikTok").click()
    pages.heading(page, "Your account")
    assert (effort.presses, effort.keys) == (1, 0)


@pytest.mark.long
def test_the_keyboard_alone_connects(simple: Site, page: Page) -> None:
    effort = pages.Effort().watch(page.context)
    page.goto(f"{simple.url}/")
    pages.tab_to(page, "Continue with TikTok")
    page.keyboard.press("Enter")
    expect(page).to_have_title("Allow access? · Mock TikTok")
    pages.tab_to(page, "Allow")
    page.keyboard.press("Enter")
    pages.heading(page, "Connected")
    assert effort.presses == 0


@pytest.mark.long
@pytest.mark.rule(19)
def test_what_was_left_off_is_said_in_words_and_can_be_asked_for(
    simple: Site, sandbox: Sandbox, page: Page
) -> None:
    pages.connect(page, simple.url, but=["video.list"])
    pages.heading(page, "Connected")
    notice = page.locator(".state")
    expect(notice.get_by_role("heading")).to_have_text("One permission is missing")
    expect(notice).to_contain_text("TikTok didn't grant “Your public videos”.")
    assert "video.list" not in page.locator("body").inner_text()
    pages.press(page, "Allow it now")
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected")
    expect(page.get_by_text("“Your public videos” is now allowed.")).to_be_visible()
    pages.press(page, "Go to your account")
    expect(page.get_by_text("What you didn't allow")).to_be_hidden()
    (grant,) = sandbox.books().values()
    assert sorted(grant["scopes"]) == ["user.info.basic", "video.list"]


@pytest.mark.long
def test_a_permission_that_is_asked_for_again_is_ticked_already(
    choosing: Site, sandbox: Sandbox, page: Page
) -> None:
    pages.connect(page, choosing.url, choose=["Your public videos"], but=["video.list"])
    pages.press(page, "Allow it now")
    expect(page.get_by_label("Your public videos")).to_be_checked()
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected")
    assert "video.list" in sandbox.books()[sandbox.open_id("mara")]["scopes"]


@pytest.mark.long
def test_what_was_not_chosen_can_be_added_later(
    choosing: Site, sandbox: Sandbox, page: Page
) -> None:
    pages.connect(page, choosing.url)
    pages.press(page, "Go to your account")
    pages.press(page, "Change permissions")
    expect(page.get_by_text("Did TikTok show an error?")).to_be_hidden()
    page.get_by_label("Your public videos").check()
    pages.press(page, pages.CONTINUE)
    pages.allow(page)
    pages.heading(page, "Connected")
    expect(page.get_by_text("“Your public videos” is now allowed.")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Your public videos")).to_be_visible()
    assert "video.list" in sandbox.books()[sandbox.open_id("mara")]["scopes"]


@pytest.mark.long
@pytest.mark.rule(10)
def test_another_account_can_take_the_place_of_the_first(
    choosing: Site, sandbox: Sandbox, page: Page
) -> None:
    pages.connect(page, choosing.url)
    sandbox.control("settings", auto_auth="mara")
    page.goto(f"{choosing.url}/account")
    pages.press(page, "Use a different TikTok account")
    expect(page.get_by_label("Use a different TikTok account")).to_be_checked()
    pages.press(page, pages.CONTINUE)
    pages.allow(page, "jo")
    pages.heading(page, "Connected")
    expect(page.locator(".ticket .name")).to_have_text("Jo")


@pytest.mark.long
def test_a_way_to_tiktok_that_never_came_back_is_asked_about_once(
    choosing: Site, page: Page
) -> None:
    pages.leave_for_tiktok(page, choosing.url)
    page.goto(f"{choosing.url}/connect")
    expect(page.get_by_role("heading", name="Did TikTok show an error?")).to_be_visible()
    pages.press(page, pages.CONTINUE)
    pages.press(page, "Cancel")
    pages.press(page, "Choose permissions again")
    pages.heading(page, "Choose what Coatcheck can access")
    expect(page.get_by_text("Did TikTok show an error?")).to_be_hidden()


@pytest.mark.long
@pytest.mark.parametrize("person", ["mallory", "xiaolong", "oluwaseun"])
def test_every_name_is_shown_as_text_in_a_narrow_window(
    choosing: Site, open_page: Callable[..., Page], complaints: Complaints, person: str
) -> None:
    page = open_page(viewport={"width": 320, "height": 640})
    pages.connect(page, choosing.url, person)
    pages.heading(page, "Connected")
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert "\u202e" not in page.content()
    assert complaints.seen == []
