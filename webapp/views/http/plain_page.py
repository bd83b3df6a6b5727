"""The page for when something is broken: no template engine, database or session; cannot fail."""

from contextlib import suppress
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template

from flask import Flask, current_app

from webapp import language
from webapp.language import N_
from webapp.language import gettext as _
from webapp.views.http import preferences, times
from webapp.views.http.cause import Cause

_PAGE = "coatcheck.plain_page"
#: What stands on the page beside the cause itself.
_WORDS = {
    "skip": N_("Skip to content"),
    "test_mode": N_("Test mode"),
    "what_to_do": N_("What you can do"),
    "details": N_("Details for support"),
    "reference_word": N_("Reference"),
    "cause_word": N_("Cause"),
    "time_word": N_("Time"),
    "account": N_("Your account"),
    "footer": N_("Footer"),
    "privacy": N_("Privacy"),
    "terms": N_("Terms"),
    "cookies": N_("Cookies"),
    "affiliation": N_("Not affiliated with TikTok."),
}
TEST_MODE = N_("Test mode: connected to a pretend TikTok, not the real one.")


def register(app: Flask) -> None:
    """Read the page while nothing is broken yet."""
    file = Path(app.root_path, str(app.template_folder), "errors", "plain.html")
    app.extensions[_PAGE] = Template(file.read_text(encoding="utf-8"))


def fill(cause: Cause, reference: str, now: datetime) -> str:
    """Return the HTML of a cause that is in the reader's words already.

    Whatever cannot be had is left out: the theme, then the language.
    """
    site = current_app.jinja_env.globals
    # The public address, because the one that was asked for may not be ours.
    home = f"{site.get('public_origin', '')}/"
    told = {
        **_WORDS,
        **_spoken(bool(site.get("sandbox")), now),
        **_theme(),
        "app_name": site.get("app_name", "Coatcheck"),
        "privacy_url": site.get("privacy_url", "/privacy"),
        "terms_url": site.get("terms_url", "/terms"),
        "title": cause.title,
        "what": cause.what,
        "stored": cause.stored,
        "todo": " ".join(cause.todo),
        "action": cause.action,
        "home": home,
        "account_url": f"{home}account",
        "code": cause.code,
        "reference": reference,
        "iso": now.isoformat(timespec="seconds"),
    }
    page: Template = current_app.extensions[_PAGE]
    return page.substitute({name: escape(str(word)) for name, word in told.items()})


def _spoken(sandbox: bool, now: datetime) -> dict[str, str]:
    """Return what depends on the language; in English if its catalogue cannot be read."""
    with suppress(Exception):
        spoken = language.current()
        return {
            "lang": spoken.code,
            "dir": spoken.direction,
            "banner": _(TEST_MODE) if sandbox else "",
            "time": times.exact(now),
            **{name: _(text) for name, text in _WORDS.items()},
        }
    banner = TEST_MODE if sandbox else ""
    return {"lang": "en", "dir": "ltr", "banner": banner, "time": now.isoformat(sep=" ")}


def _theme() -> dict[str, str]:
    with suppress(Exception):
        chosen = preferences.chosen_theme()
        return {"theme": chosen, "scheme": chosen or "light dark"}
    return {"theme": "", "scheme": "light dark"}
