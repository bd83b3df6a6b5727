"""Makes all pictures: `python -m tests.looks.gallery`; writes to docs/screens and docs/tour alone.

The same code gives the same pictures of pages: people, words and the clock are made up, and nothing
in them is a key or a token. Those of docs/tour, for the README, are taken of a demo (`tour`).
"""

import base64
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from playwright.sync_api import Page

from tests import browsers, servers
from tests.journeys.sites import site
from tests.looks import tour
from tests.looks.pictured import GROUPS, html
from tests.looks.stage import migrate
from tests.looks.staging import PREFIX, staged
from tests.processes import ROOT
from tests.views.bare_app import NOW

FOLDER = ROOT / "docs" / "screens"
THEMES = ("light", "dark")
WIDTHS = (1280, 360)
LOOKS = [(theme, width) for theme in THEMES for width in WIDTHS]
#: Of WebP, of a hundred: letters are clean, and all pictures together small.
QUALITY = 12
#: A picture of WebP cannot be higher, in px; only the API's page on a phone is near it.
HIGHEST = 16_000
INTRODUCTION = """# Every page

`python -m tests.looks.gallery` makes these with made-up people and a clock that stands still.
"""


def main() -> None:
    """Take every page in both themes, wide and narrow, and write the list."""
    chromium = browsers.find_chromium()
    if chromium is None:
        raise SystemExit("Chromium is not installed")
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.webp"):
        old.unlink()
    pages = dict(html())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database_url = f"sqlite:///{folder / 'app.db'}"
        migrate(database_url)
        with (
            servers.sandbox(folder) as sandbox,
            site(sandbox, database_url, folder) as served,
            browsers.chromium(chromium) as browser,
            browsers.watched_page(browser, browsers.Complaints(), timezone_id="UTC") as page,
            staged(page, served.server, pages),
        ):
            page.clock.set_fixed_time(NOW)
            _take_all(page, served.url, pages)
    (FOLDER / "README.md").write_text("\n".join(table()) + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    sys.stdout.write(f"{len(pages) * len(LOOKS)} pictures, {size / 1e6:.1f} MB\n")
    tour.main()


def _take_all(page: Page, url: str, names: Iterable[str]) -> None:
    session = page.context.new_cdp_session(page)
    for name in names:
        for theme, width in LOOKS:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            page.goto(f"{url}{PREFIX}{name}")
            high = int(page.evaluate("document.documentElement.scrollHeight"))
            clip = {"x": 0, "y": 0, "width": width, "height": min(high, HIGHEST), "scale": 1}
            options = {"format": "webp", "quality": QUALITY, "captureBeyondViewport": True}
            shot = session.send("Page.captureScreenshot", options | {"clip": clip})
            (FOLDER / file_of(name, theme, width)).write_bytes(base64.b64decode(shot["data"]))


def file_of(name: str, theme: str, width: int) -> str:
    """Return the name of a picture's file."""
    return f"{name}-{theme}-{width}.webp"


def table() -> Iterator[str]:
    """Yield the lines of the list: a picture a row, a link for each of its looks."""
    yield INTRODUCTION
    heads = [f"{theme}, {width} px" for theme, width in LOOKS]
    for heading, pictures in GROUPS.items():
        yield f"## {heading}\n"
        yield f"| page | {' | '.join(heads)} |"
        yield "| --- |" + " --- |" * len(heads)
        for picture in pictures:
            files = [file_of(picture.name, theme, width) for theme, width in LOOKS]
            links = [f"[{h}]({f})" for h, f in zip(heads, files, strict=True)]
            yield f"| {picture.told} | {' | '.join(links)} |"
        yield ""


if __name__ == "__main__":
    main()
