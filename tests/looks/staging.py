"""Scenes and error pages put before a real browser, at the address of the real server.

They come with the server's own security headers, stylesheet and script; only the words of the page
are made in this process. Never for what can be reached as people reach it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from urllib.parse import urlsplit

from flask import Flask
from playwright.sync_api import Page, Route

from tests.servers import Gunicorn
from tests.views import scenes
from tests.views.bare_app import acting, stage
from webapp.views.http import errors

#: Where no page of ours is.
PREFIX = "/scene/"


def error_page(app: Flask, code: str) -> str:
    """Return the page of a cause as HTML, with all that it can tell."""
    with acting(app, headers={"Accept": "text/html"}):
        if code in ("our_fault", "database_down", "other_host"):
            made = errors.plain_response(errors.CAUSES[code])
        else:
            made = errors.page(code, log_id="20261122140530ABC")
        return made.get_data(as_text=True)


def every_page(these: ModuleType = scenes) -> Iterator[tuple[str, str]]:
    """Yield (name, HTML) of each scene and each cause; `these` may speak another language."""
    app = stage()
    for name, scene in these.SCENES.items():
        yield name, these.play(app, scene)
    for code in errors.CAUSES:
        yield f"error-{code}", error_page(app, code)


@contextmanager
def staged(page: Page, server: Gunicorn, pages: Mapping[str, str]) -> Iterator[None]:
    """Let `page` find each of the pages at PREFIX and its name until the block ends."""
    kept = ("Content-Security-Policy", "Referrer-Policy", "Content-Type", "Cache-Control")
    answered = server.get("/").headers
    headers = {name: answered[name] for name in kept}

    def answer(route: Route) -> None:
        name = urlsplit(route.request.url).path.removeprefix(PREFIX)
        route.fulfill(body=pages[name], headers=headers)

    pattern = f"{server.url}{PREFIX}*"
    page.route(pattern, answer)
    yield
    page.unroute(pattern)
