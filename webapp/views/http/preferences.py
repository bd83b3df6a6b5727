"""How pages look and which language they speak, each in a cookie; knows nothing of a person."""

from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, redirect, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from webapp import language
from webapp.views.http import languages
from webapp.views.http.guards import public

blueprint = Blueprint("preferences", __name__)

THEME = "theme"
#: "system" follows the browser, and needs no cookie.
THEMES = ("light", "dark", "system")
A_YEAR = 365 * 86400


@blueprint.post("/theme")
@public
def theme() -> Response:
    """Show pages light, dark, or as the system does."""
    wanted = request.form.get("theme", "")
    if wanted not in THEMES:
        abort(400)
    return _remembered(THEME, "" if wanted == "system" else wanted)


@blueprint.post("/language")
@public
def speak() -> Response:
    """Speak another language from now on."""
    wanted = request.form.get("language", "")
    if wanted not in language.available():
        abort(400)
    return _remembered(languages.COOKIE, wanted)


def chosen_theme() -> str:
    """Return "light", "dark", or "" for the system's."""
    chosen = request.cookies.get(THEME, "")
    return chosen if chosen in THEMES[:2] else ""


def _remembered(name: str, value: str) -> Response:
    answer = redirect(_came_from(), 303)
    if value:
        secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
        answer.set_cookie(name, value, max_age=A_YEAR, secure=secure, httponly=True, samesite="Lax")
    else:
        answer.delete_cookie(name)
    return answer


def _came_from() -> str:
    """Return the path of the page that the button was on, if it is one of ours that can be opened.

    It is the Referer, so no page has to carry its own address; the callback sends none.
    """
    came_from = urlsplit(request.referrer or "")
    start = url_for("home.index")
    if f"{came_from.scheme}://{came_from.netloc}" != request.host_url.rstrip("/"):
        return start
    try:
        endpoint, _values = current_app.url_map.bind("").match(came_from.path, method="GET")
    except (HTTPException, RequestRedirect):
        return start
    if endpoint == "connect.callback":
        return start
    return came_from.path + (f"?{came_from.query}" if came_from.query else "")
