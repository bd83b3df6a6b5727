"""Error pages: turn HTTP errors, exceptions and named causes into a page or problem+json.

Errors of 500 and above, and requests for a foreign host, get a plain page that needs no template
engine, database or session. No page repeats what was sent.
"""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from time import time

import structlog
from flask import Flask, Response, current_app, g, make_response, render_template, request, url_for
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, NotFound, SecurityError
from werkzeug.wrappers import Response as WerkzeugResponse

from webapp import language
from webapp.clock import utc_now
from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.authority import HalfDone, NoLongerAllowed
from webapp.services.maintenance import database_errors
from webapp.services.people import PersonGone
from webapp.views.http import api_contract, browser_cookies, language_and_theme, template_filters
from webapp.views.http.error_texts import (
    ANOTHER,
    BY_STATUS,
    CONNECT_CAUSES,
    HTTP_CAUSES,
    RESCUED,
    UNSURE,
    WAIT,
    Cause,
)
from webapp.views.http.guards import access_of, signed_out
from webapp.views.http.runtime import runtime
from webapp.views.http.signing_in import come_back, return_link
from webapp.views.http.signing_in.return_link import ReturnLink
from webapp.views.http.template_filters import display_name

log = structlog.get_logger(__name__)
#: Code → what its page says.
CAUSES = CONNECT_CAUSES | HTTP_CAUSES
#: TikTok or a limit may name an absurd wait; nobody is asked to wait longer than this (seconds).
LONGEST_WAIT = 3600
#: The button of the page about a connect form that has expired.
START_AGAIN = N_("Start again")
#: The button of the page about too many requests; it leads to the page that sent the last one.
TRY_AGAIN = N_("Try again")
TEST_MODE = N_("Test mode: connected to a mock TikTok, not the real one.")
_PLAIN_PAGE = "coatcheck.plain_page"
#: The fixed texts of the plain page.
_PLAIN_TEXTS = {
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


def register(app: Flask) -> None:
    """Answer every HTTP error and every exception of `app` with one of our pages."""
    _load_plain_page(app)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _internal_error)
    for lost in (NoLongerAllowed, PersonGone):
        app.register_error_handler(lost, _no_longer_allowed)


def page(
    code: str,
    *,
    log_id: str = "",
    retry_after: int | None = None,
    signed_in_as: str = "",
    belongs_to: str = "",
    rescued: bool = False,
    unsure: bool = False,
    back: ReturnLink | None = None,
    again: str = "",
) -> Response:
    """Return the page of a cause, or problem+json to a client that prefers JSON.

    `log_id` is TikTok's, for its support. `retry_after` is in seconds. `signed_in_as` and
    `belongs_to` are the names of the two accounts of "other_account", as far as they are known.
    `rescued`: the tokens of "not_stored" are in the rescue file. `unsure`: whether anything of
    "attempt_over" was stored isn't known. `back` leads to the service that
    sent the person, `again` to the form that was sent, in place of where the cause leads. Raises
    KeyError if `code` is unknown.
    """
    cause = CAUSES[code]
    if again:
        cause = replace(cause, href=again, action=START_AGAIN)
    cause = in_words(cause, retry_after)
    if code == "other_account":
        cause = _with_names(cause, signed_in_as, belongs_to)
    if rescued:
        cause = replace(cause, stored=_(RESCUED), todo=cause.todo[:1])
    if unsure:
        cause = replace(cause, stored=_(UNSURE))
    if back is not None and cause.href.startswith("/connect"):
        cause = replace(cause, href=back.after(cause.href))
    return cause_response(cause, log_id=log_id, retry_after=retry_after, back=back)


def in_words(cause: Cause, retry_after: int | None = None) -> Cause:
    """Return a cause in the visitor's language, with the time to wait, in seconds, in words."""
    wait = template_filters.about(_clamped(cause, retry_after) or 0)
    return replace(
        cause,
        title=_(cause.title),
        what=_(cause.what),
        stored=_(cause.stored),
        todo=tuple(_(step, wait=wait) if step == WAIT else _(step) for step in cause.todo),
        action=_(cause.action),
        other=(_(cause.other[0]), cause.other[1]) if cause.other else None,
    )


def cause_response(
    cause: Cause,
    *,
    log_id: str = "",
    retry_after: int | None = None,
    back: ReturnLink | None = None,
) -> Response:
    """Render a translated cause in the site's layout, with Retry-After where waiting helps."""
    wait = _clamped(cause, retry_after)
    log_cause(cause)
    if _prefers_json():
        response = _problem(cause, log_id=log_id, retry_after=wait)
    else:
        response = make_response(
            render_template(
                "errors/error.html",
                cause=cause,
                log_id=log_id,
                back=back,
            ),
            cause.status,
        )
    if wait:
        response.headers["Retry-After"] = str(wait)
    return _no_store(response)


def plain_response(cause: Cause) -> Response:
    """Return a cause without template engine, database or session, so that it cannot fail."""
    with suppress(Exception):  # in English if the catalog cannot be read
        cause = in_words(cause)
    if _prefers_json():
        response = _problem(cause, retry_after=cause.retry_after)
    else:
        filled = fill_plain_page(cause, _reference(), utc_now())
        response = Response(filled, cause.status, mimetype="text/html")
    if cause.retry_after:
        response.headers["Retry-After"] = str(cause.retry_after)
    return _no_store(response)


def fill_plain_page(cause: Cause, reference: str, now: datetime) -> str:
    """Return the HTML of a translated cause; without theme or language if those fail."""
    site = current_app.jinja_env.globals
    # The public address, because the requested one may not be ours.
    home = f"{site.get('public_origin', '')}/"
    values = {
        **_PLAIN_TEXTS,
        **_in_language(bool(site.get("sandbox")), now),
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
    template: Template = current_app.extensions[_PLAIN_PAGE]
    return template.substitute({name: escape(str(value)) for name, value in values.items()})


def log_cause(cause: Cause) -> None:
    """Log the cause under the reference that the page shows."""
    with suppress(Exception):  # a full disk under the log must not cost the page as well
        log.info("error_page_shown", cause=cause.code, status=cause.status)


def _http_error(error: HTTPException) -> Response:
    """Return the page for an HTTP error that no view explained, with the headers it requires."""
    if isinstance(error.response, Response):
        return error.response
    if api_contract.is_api():
        return api_contract.problem_of(error)
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        cause = replace(CAUSES["our_fault"], status=status)
        log_cause(cause)
        return plain_response(cause)
    if isinstance(error, SecurityError):
        # The host is not ours, so the full page could not build its links.
        log_cause(CAUSES["other_host"])
        return plain_response(CAUSES["other_host"])
    if isinstance(error, CSRFError):
        code = _code_of(error)
        again = _form_sent() if code == "form_expired" else ""
        return page(code, back=return_link.requested(), again=again)
    cause = replace(CAUSES[_code_of(error)], status=status)
    if cause.code == "too_many" and (again := _form_sent() or come_back.page()):
        cause = replace(cause, action=TRY_AGAIN, href=again)
    wait = _wait_of(error)
    response = cause_response(in_words(cause, wait), retry_after=wait)
    for name, value in error.get_headers(request.environ):
        if name == "Allow":
            response.headers[name] = value
    return response


def _clamped(cause: Cause, retry_after: int | None) -> int | None:
    """Return the seconds to wait, by TikTok or a limit or else by the cause; None: no need to."""
    return cause.retry_after if retry_after is None else min(max(retry_after, 1), LONGEST_WAIT)


def _form_sent() -> str:
    """Return the address of the connect form with the choices that were sent; empty for others."""
    if request.endpoint == "connect.callback":
        return url_for("connect.choose")
    if request.endpoint != "connect.start":
        return ""
    optional = runtime().settings.tiktok_optional_scopes
    return url_for(
        "connect.choose",
        add=[scope for scope in request.form.getlist("scopes") if scope in optional],
        another=1 if request.form.get("another_account") == "1" else None,
    )


def _no_longer_allowed(lost: Exception) -> WerkzeugResponse:
    """Answer someone who lost access during an action like someone who never had it."""
    if access_of(current_app, request.endpoint or "") == "person":
        return signed_out()
    if isinstance(lost, HalfDone):
        return page("stopped_halfway")
    return _http_error(NotFound())


def _internal_error(error: Exception) -> Response:
    """Log an unexpected exception and return the plain page."""
    away = database_errors.is_unavailable(error)
    with suppress(Exception):  # a full disk under the log must not cost the page as well
        logged = structlog.get_logger()
        if away:
            logged.error(
                "database_unavailable", path=request.path, code=database_errors.code_of(error)
            )
        else:
            logged.error("unhandled_exception", path=request.path, exc_info=error)
    if api_contract.is_api():
        return api_contract.problem("our_fault")
    return plain_response(CAUSES["database_down" if away else "our_fault"])


def _code_of(error: HTTPException) -> str:
    """Return the code of the cause for an HTTP error below 500."""
    if isinstance(error, CSRFError):
        return "form_expired" if browser_cookies.has_cookies() else "cookies_blocked"
    if error.description in CAUSES:
        # The check that refused the request names its own cause.
        return str(error.description)
    return BY_STATUS.get(error.code or 0, "unreadable")


def _wait_of(error: HTTPException) -> int | None:
    """Return the seconds until the exceeded limit resets; None if no limit was exceeded."""
    if not isinstance(error, RateLimitExceeded):
        return None
    exceeded = [limiter.current_limit for limiter in current_app.extensions["limiter"]]
    return max((int(limit.reset_at - time()) + 1 for limit in exceeded if limit), default=None)


def _with_names(cause: Cause, signed_in_as: str, belongs_to: str) -> Cause:
    """Return "other_account" with the names of both accounts, as far as they are known."""
    if not belongs_to:
        return cause
    owner, other = display_name(belongs_to), display_name(signed_in_as)
    cause = replace(cause, action=_("Try again as %(name)s", name=owner))
    if not signed_in_as or owner == other:
        what = _(
            "This connection belongs to %(owner)s. You signed in with a different account.",
            owner=owner,
        )
        return replace(cause, what=what)
    what = _(
        "You signed in as %(other)s. This connection belongs to %(owner)s.",
        other=other,
        owner=owner,
    )
    new = _("Connect %(name)s as a new account", name=other)
    return replace(cause, what=what, other=(new, ANOTHER))


def _problem(cause: Cause, *, log_id: str = "", retry_after: int | None = None) -> Response:
    """Return a cause as RFC 9457 problem details."""
    problem = {
        "type": "about:blank",
        "title": cause.title,
        "status": cause.status,
        "detail": f"{cause.what} {cause.stored}",
        "code": cause.code,
        "reference": _reference(),
    }
    if log_id:
        problem["log_id"] = log_id
    if retry_after:
        problem["retry_after"] = retry_after
    return Response(json.dumps(problem), cause.status, mimetype="application/problem+json")


def _no_store(response: Response) -> Response:
    """Keep an error out of every cache: its reference belongs to one request."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _reference() -> str:
    """Return the ID of this request in the log; "-" if it never got one."""
    return str(g.get("request_id", "-"))


def _prefers_json() -> bool:
    """Return True if the client prefers JSON to a page."""
    accepts = request.accept_mimetypes
    wants = max(accepts["application/json"], accepts["application/problem+json"])
    return bool(wants > accepts["text/html"])


def _load_plain_page(app: Flask) -> None:
    """Read the plain page at start-up, so that it is there when everything else fails."""
    file = Path(app.root_path, str(app.template_folder), "errors", "plain.html")
    app.extensions[_PLAIN_PAGE] = Template(file.read_text(encoding="utf-8"))


def _in_language(sandbox: bool, now: datetime) -> dict[str, str]:
    """Return the texts that depend on the language; in English if the catalog cannot be read."""
    with suppress(Exception):
        current = language.current()
        return {
            "lang": current.code,
            "dir": current.direction,
            "banner": _(TEST_MODE) if sandbox else "",
            "time": template_filters.exact(now),
            **{name: _(text) for name, text in _PLAIN_TEXTS.items()},
            **({} if sandbox else {"test_mode": ""}),
        }
    mode = {"banner": TEST_MODE} if sandbox else {"banner": "", "test_mode": ""}
    return {"lang": "en", "dir": "ltr", "time": now.isoformat(sep=" "), **mode}


def _theme() -> dict[str, str]:
    with suppress(Exception):
        chosen = language_and_theme.chosen_theme()
        return {"theme": chosen, "scheme": chosen or "light dark"}
    return {"theme": "", "scheme": "light dark"}
