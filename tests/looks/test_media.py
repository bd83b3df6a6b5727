"""What a reader's system asks for: paper, few colours, no motion, a theme of their own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.sites import Site
from tests.looks.conftest import Visits

pytestmark = [pytest.mark.browser, pytest.mark.long]


@pytest.fixture
def account(looked_at: Site, visits: Visits) -> Iterator[Page]:
    """The account page of someone who is connected."""
    page = visits.pages["person"]
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{looked_at.url}/account")
    yield page
    page.emulate_media(
        media="null",
        color_scheme="light",
        reduced_motion="null",
        forced_colors="null",
        contrast="null",
    )


def style(page: Page, selector: str, name: str, pseudo: str = "") -> str:
    """Return the computed style of the first element that matches."""
    ask = "([s, n, p]) => getComputedStyle(document.querySelector(s), p || null)[n]"
    return str(page.evaluate(ask, [selector, name, pseudo]))


def lightness(colour: str) -> float:
    """Return how light an `rgb(…)` is, 0 to 1."""
    return sum(float(part) for part in colour.strip("rgba()").split(",")[:3]) / 3 / 255


@pytest.mark.parametrize("theme", ["", "dark"])
def test_on_paper_the_ticket_stays_and_what_cannot_be_pressed_goes(
    account: Page, theme: str
) -> None:
    account.emulate_media(media="print", color_scheme="light")
    account.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    expect(account.locator(".ticket .name")).to_have_text("Jo")
    expect(account.locator(".ticket .number")).to_be_visible()
    for gone in ("nav", "button", ".button", ".skip"):
        for each in account.locator(gone).all():
            expect(each).to_be_hidden()
    # Paper is white, whatever theme was switched to.
    for selector in ("body", "h1", ".ticket .name", ".facts dt"):
        assert lightness(style(account, selector, "color")) < 0.5, selector
    assert account.pdf()[:4] == b"%PDF"


def test_on_paper_the_operators_pages_have_no_buttons_either(
    looked_at: Site, visits: Visits
) -> None:
    page = visits.pages["operator"]
    for path in ("setup", f"tokens/{visits.names['open_id']}", "tokens"):
        page.goto(f"{looked_at.url}/operators/{path}")
        page.emulate_media(media="print")
        shown = page.locator("button, .button, nav, .filters").filter(visible=True)
        assert shown.all_inner_texts() == [], path
        page.emulate_media(media="null")


def test_with_forced_colours_every_shape_keeps_an_edge(account: Page) -> None:
    account.emulate_media(forced_colors="active")
    assert style(account, ".ticket .cut", "maskImage") == "none"
    for selector in (".ticket .cut", ".tag", "main button, main .button"):
        assert style(account, selector, "borderTopStyle") == "solid", selector
        assert style(account, selector, "borderTopWidth") != "0px", selector
    account.keyboard.press("Tab")
    account.keyboard.press("Tab")
    assert style(account, ":focus", "outlineStyle") == "solid"


def test_nothing_moves_for_whoever_asks_for_that(account: Page) -> None:
    account.emulate_media(reduced_motion="reduce")
    moving = """[...document.querySelectorAll("*")].filter((e) => ["", "::before", "::after"].some(
      (p) => { const s = getComputedStyle(e, p || null);
        return parseFloat(s.transitionDuration) > 0 || s.animationName !== "none"; })).length"""
    assert account.evaluate(moving) == 0
    assert account.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_with_more_contrast_lines_are_as_strong_as_edges(account: Page) -> None:
    token = "name => getComputedStyle(document.documentElement).getPropertyValue(name)"
    account.emulate_media(contrast="more")
    assert account.evaluate(token, "--line") == account.evaluate(token, "--edge")
    assert account.evaluate(token, "--muted") == account.evaluate(token, "--ink")
