"""Chromium for the journeys; never reaches another host than loopback."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # Whatever a page names, only this machine is asked.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


def find_chromium() -> str | None:
    """Return the path of Debian's Chromium, or of one on PATH."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """Run Chromium without a window until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGS))
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Complaints:
    """What the browser complained about on one page: console errors, CSP reports, exceptions.

    A test that provokes a complaint says so: `complaints.expect("status of 400")`.
    """

    seen: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Collect everything `page` complains about from now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.seen.append(f"exception: {error}"))

    def expect(self, part: str) -> None:
        """Forgive complaints that hold `part`."""
        self.expected.append(part)

    def unexpected(self) -> list[str]:
        """Return the complaints nobody expected, in order."""
        return [c for c in self.seen if not any(part in c for part in self.expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.seen.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")


@contextmanager
def watched_page(
    browser: Browser, complaints: Complaints, *, javascript: bool = True, **options: Any
) -> Iterator[Page]:
    """Open a page in a browser profile of its own (no cookies shared with any other).

    `options` are Playwright's for a context: `viewport`, `color_scheme`, `reduced_motion` …
    """
    context = browser.new_context(java_script_enabled=javascript, **options)
    context.set_default_timeout(10_000)
    context.on("page", complaints.watch)
    try:
        yield context.new_page()
    finally:
        context.close()
