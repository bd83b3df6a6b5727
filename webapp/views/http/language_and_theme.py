"""The visitor's language and theme: chosen per request, remembered in cookies."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, abort, current_app, redirect, request, url_for
from markupsafe import Markup
from werkzeug.datastructures import LanguageAccept
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_accept_header
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from webapp import language
from webapp.views.http.api_contract import API
from webapp.views.http.guards import public

blueprint = Blueprint("preferences", __name__)

LANGUAGE = "language"
THEME = "theme"
#: "system" follows the browser and needs no cookie.
THEMES = ("light", "dark", "system")
A_YEAR = 365 * 86400


def register_language(app: Flask) -> None:
    """Choose the language of each request, and give the templates `_` and `{% trans %}`.

    API responses are always in English.
    """
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # the extension's
        language.translated, language.translated_plural, newstyle=True
    )
    # Jinja's own functions don't group the digits of numbers as the language does.
    app.jinja_env.globals.update(
        _=_gettext,
        gettext=_gettext,
        ngettext=_ngettext,
        language=language.current,
        languages=_languages,
    )

    @app.before_request
    def _choose() -> None:
        language.use(language.SOURCE if request.path.startswith(API) else _wanted())

    @app.after_request
    def _add_content_language(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.headers["Content-Language"] = language.current().code
        return response

    @app.teardown_request
    def _forget(_error: BaseException | None) -> None:
        # The thread serves others next, and some responses are made before `_choose`.
        language.use(language.SOURCE)


def _wanted() -> str:
    """Return the chosen language, or else the best match for the browser's."""
    available = language.available()
    chosen = request.cookies.get(LANGUAGE)
    if chosen in available:
        return chosen
    wanted = request.headers.get("Accept-Language", "")
    # Long ones aren't kept: nobody's browser sends them.
    return (_best_match if len(wanted) < 200 else _best_match.__wrapped__)(wanted, available)


@lru_cache(maxsize=256)
def _best_match(wanted: str, available: tuple[str, ...]) -> str:
    """Return the best language for an Accept-Language header; few different ones ever come."""
    accepted = parse_accept_header(wanted, LanguageAccept)
    return accepted.best_match(available, default=language.SOURCE)


def _languages() -> list[language.Language]:
    return [language.language(code) for code in language.available()]


def _gettext(message: str, /, **values: Any) -> Markup:
    # The values are escaped; the message comes from our templates or catalog.
    if values:
        return Markup(language.translated(message)) % language.filled(values)  # noqa: S704  # as above
    constants = language.current().constants
    text = constants.get(message)
    if text is None:
        text = constants[message] = Markup(language.translated(message)) % {}  # noqa: S704  # as above
    return text


def _ngettext(one: str, many: str, num: int, /, **values: Any) -> Markup:
    message = Markup(language.translated_plural(one, many, num))  # noqa: S704  # as above
    return message % language.filled({"num": num, **values})


@blueprint.post("/theme")
@public
def theme() -> Response:
    """Set the theme: light, dark or the system's."""
    wanted = request.form.get("theme", "")
    if wanted not in THEMES:
        abort(400)
    return _remember(THEME, "" if wanted == "system" else wanted)


@blueprint.post("/language", endpoint="speak")
@public
def set_language() -> Response:
    """Set the language."""
    wanted = request.form.get("language", "")
    if wanted not in language.available():
        abort(400)
    return _remember(LANGUAGE, wanted)


def chosen_theme() -> str:
    """Return the chosen theme: "light", "dark", or "" for the system's."""
    chosen = request.cookies.get(THEME, "")
    return chosen if chosen in THEMES[:2] else ""


def _remember(name: str, value: str) -> Response:
    response = redirect(_came_from(), 303)
    if value:
        secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
        response.set_cookie(
            name, value, max_age=A_YEAR, secure=secure, httponly=True, samesite="Lax"
        )
    else:
        response.delete_cookie(name)
    return response


def _came_from() -> str:
    """Return the path of the page that the button was on; the home page if it can't be reopened.

    It comes from the Referer, which the callback doesn't send.
    """
    home = url_for("home.index")
    try:
        came_from = urlsplit(request.referrer or "")
    except ValueError:
        return home
    if f"{came_from.scheme}://{came_from.netloc}" != request.host_url.rstrip("/"):
        return home
    try:
        endpoint, _values = current_app.url_map.bind("").match(came_from.path, method="GET")
    except (HTTPException, RequestRedirect):
        return home
    if endpoint == "connect.callback":
        return home
    return came_from.path + (f"?{came_from.query}" if came_from.query else "")
