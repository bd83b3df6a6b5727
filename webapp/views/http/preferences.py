"""Picks the language of each request and teaches the templates to speak it; never for services.

How pages look and which language they speak, each in a cookie; knows nothing of a person.
"""

from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Flask, abort, current_app, redirect, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response

from webapp import language
from webapp.views.http.api_contract import API
from webapp.views.http.guards import public

LANGUAGE = "language"


def register_language(app: Flask) -> None:
    """Speak the visitor's language in `app`, and give its templates `_` and `{% trans %}`."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # the extension's
        language.translated, language.translated_plural, newstyle=True
    )
    # Jinja's own would write the numbers in the gaps as they are, not as a language groups them.
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
    def _tell(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.headers["Content-Language"] = language.current().code
        return response

    @app.teardown_request
    def _forget(_error: BaseException | None) -> None:
        # The thread goes on to serve others, and some answers are made before `_choose`.
        language.use(language.SOURCE)


def _wanted() -> str:
    """Return the language that was switched to, else the best one that the browser asks for."""
    there = language.available()
    chosen = request.cookies.get(LANGUAGE)
    if chosen in there:
        return chosen
    return request.accept_languages.best_match(there, default=language.SOURCE)


def _languages() -> list[language.Language]:
    return [language.language(code) for code in language.available()]


def _gettext(message: str, /, **values: Any) -> Markup:
    # What fills a gap is escaped; the message itself is the code's or the catalogue's own.
    return Markup(language.translated(message)) % language.filled(values)  # noqa: S704


def _ngettext(one: str, many: str, num: int, /, **values: Any) -> Markup:
    message = Markup(language.translated_plural(one, many, num))  # noqa: S704  # as above
    return message % language.filled({"num": num, **values})


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
    return _remembered(LANGUAGE, wanted)


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
