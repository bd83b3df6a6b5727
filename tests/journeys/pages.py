"""A person's ways through the pages, as presses and keys; never calls the app behind their back."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.walk import PERSON

CONTINUE = "Continue with TikTok"
#: Counts what a person does, whatever the page makes of it.
COUNT = """
addEventListener("pointerdown", () => counted("presses"), true);
addEventListener("keydown", () => counted("keys"), true);
"""


@dataclass
class Effort:
    """How often a person pressed and typed since the browser was opened."""

    presses: int = 0
    keys: int = 0

    def watch(self, context: BrowserContext) -> "Effort":
        """Count in every page that `context` opens from now on."""
        context.expose_binding("counted", self._count)
        context.add_init_script(COUNT)
        return self

    def _count(self, _source: object, what: str) -> None:
        setattr(self, what, getattr(self, what) + 1)


def action(page: Page, words: str) -> Locator:
    """Return the one link or button with these words."""
    link = page.get_by_role("link", name=words, exact=True)
    return link.or_(page.get_by_role("button", name=words, exact=True))


def press(page: Page, words: str) -> None:
    """Press the one link or button with these words."""
    action(page, words).click()


def leave_for_tiktok(page: Page, url: str, *, choose: Collection[str] = ()) -> None:
    """Go from the front page to TikTok's question; tick the optional labels in `choose`."""
    page.goto(f"{url}/")
    press(page, CONTINUE)
    if page.get_by_role("heading", name="Allow access?").is_hidden():
        for label in choose:
            page.get_by_label(label).check()
        press(page, CONTINUE)
    expect(page).to_have_title("Allow access? · Mock TikTok")


def allow(page: Page, person: str = PERSON, *, but: Collection[str] = ()) -> None:
    """Answer TikTok's question as `person`: allow everything but these scopes."""
    page.locator(f'input[name="person"][value="{person}"]').check()
    for scope in but:
        page.locator(f'input[name="scopes"][value="{scope}"]').uncheck()
    press(page, "Allow")


def connect(
    page: Page,
    url: str,
    person: str = PERSON,
    *,
    choose: Collection[str] = (),
    but: Collection[str] = (),
) -> None:
    """Walk the whole way, from the front page back to this site."""
    leave_for_tiktok(page, url, choose=choose)
    allow(page, person, but=but)
    expect(page).not_to_have_title("Allow access? · Mock TikTok")
    page.wait_for_load_state()


def heading(page: Page, words: str) -> None:
    """Insist that the page has this one heading, and the same words in its title."""
    expect(page.get_by_role("heading", level=1)).to_have_text(words)
    expect(page).to_have_title(f"{words} · Coatcheck")


def download(page: Page, words: str) -> Any:
    """Press what gives a JSON file, and return what is in it."""
    with page.expect_download() as coming:
        press(page, words)
    return json.loads(coming.value.path().read_text(encoding="utf-8"))


def tab_to(page: Page, words: str, *, within: int = 30) -> None:
    """Press Tab until the button or link with these words has the focus, and shows it."""
    wanted = action(page, words)
    for _ in range(within):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            assert wanted.evaluate("element => getComputedStyle(element).outlineStyle") != "none"
            return
    raise AssertionError(f"{within} times Tab did not lead to {words!r}")
