"""Makes the README's pictures: `python -m tests.journeys.pictures`. Writes to docs/img alone."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from tests import browser as browsers
from tests import servers
from tests.environment import complete
from tests.journeys import pages
from tests.journeys.sites import Site, site
from tests.processes import ROOT, plain_environment

FOLDER = ROOT / "docs" / "img"
Theme = Literal["light", "dark"]
NAMES: dict[Theme, str] = {"light": "connected.png", "dark": "connected-dark.png"}


def main() -> None:
    """Connect as a person of the sandbox does, and take the page in both themes."""
    path = browsers.find_chromium()
    if path is None:
        raise SystemExit("Chromium is not installed")
    with tempfile.TemporaryDirectory() as folder, servers.sandbox(Path(folder)) as sandbox:
        database_url = f"sqlite:///{folder}/app.db"
        _migrate(database_url)
        with (
            site(sandbox, database_url, Path(folder)) as served,
            browsers.chromium(path) as browser,
        ):
            for theme, name in NAMES.items():
                _take(browser, served, theme, FOLDER / name)
                served.empty()


def _migrate(database_url: str) -> None:
    env = plain_environment() | complete(database_url, 8000) | {"LOG_LEVEL": "WARNING"}
    words = [sys.executable, "-m", "flask", "db", "upgrade"]
    subprocess.run(words, check=True, cwd=ROOT, env=env)


def _take(browser: browsers.Browser, served: Site, theme: Theme, picture: Path) -> None:
    options = {"viewport": {"width": 1280, "height": 800}, "color_scheme": theme}
    with browsers.watched_page(browser, browsers.Complaints(), **options) as page:
        pages.connect(page, served.url, choose=["Your public videos"])
        pages.heading(page, "Connected")
        page.screenshot(path=picture)


if __name__ == "__main__":
    main()
