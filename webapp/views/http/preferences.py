"""Picks the language of each request and teaches the templates to speak it; never for services."""

from typing import Any

from flask import Flask, Response, request
from markupsafe import Markup

from webapp import language
from webapp.views.http.api_document import API

COOKIE = "language"


def register(app: Flask) -> None:
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
    chosen = request.cookies.get(COOKIE)
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
