"""Answers errors with a page, or problem+json, by cause; never repeats what was sent."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from html import escape
from http import HTTPStatus
from pathlib import Path
from string import Template
from time import time

import structlog
from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, SecurityError

from webapp.clock import utc_now
from webapp.views import api_problems
from webapp.views.causes import CONNECT_CAUSES, Cause
from webapp.views.http_causes import BY_STATUS, HTTP_CAUSES
from webapp.views.present import display_name

#: Code → what its page says.
CAUSES = CONNECT_CAUSES | HTTP_CAUSES
#: TikTok or a limit may name an absurd wait; nobody is sent away for longer than this (seconds).
LONGEST_WAIT = 3600
PLAIN_PAGE = "coatcheck.plain_page"
TEST_MODE = "Test mode: connected to a pretend TikTok, not the real one."


def page(
    code: str,
    *,
    log_id: str = "",
    retry_after: int | None = None,
    signed_in_as: str = "",
    belongs_to: str = "",
    now: datetime | None = None,
) -> Response:
    """Return the page of a cause, or problem+json to a client that prefers JSON.

    `log_id` is TikTok's, for its support. `retry_after` is in seconds. `signed_in_as` and
    `belongs_to` are the names of the two accounts of "other_account", as far as they are known.
    Raises KeyError if `code` is no cause.
    """
    cause = CAUSES[code]
    if belongs_to:
        cause = replace(cause, what=_two_accounts(signed_in_as, belongs_to))
    return _answer(cause, log_id=log_id, retry_after=retry_after, now=now or utc_now())


def register(app: Flask) -> None:
    """Answer every HTTP error and every exception of `app` with a page of ours."""
    template = Path(app.root_path, str(app.template_folder), "errors", "plain.html")
    app.extensions[PLAIN_PAGE] = Template(template.read_text(encoding="utf-8"))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _our_fault)


def _two_accounts(signed_in_as: str, belongs_to: str) -> str:
    owner, other = display_name(belongs_to), display_name(signed_in_as)
    if not signed_in_as or owner == other:
        return f"This connection belongs to {owner}. You came back with another account."
    return f"You signed in as {other}. This connection belongs to {owner}."


def _answer(cause: Cause, *, log_id: str, retry_after: int | None, now: datetime) -> Response:
    """Render a cause in the layout of the site, with Retry-After where waiting helps."""
    wait = cause.retry_after if retry_after is None else min(max(retry_after, 1), LONGEST_WAIT)
    if _prefers_json():
        response = _problem(cause, log_id=log_id, retry_after=wait)
    else:
        response = make_response(
            render_template(
                "errors/error.html",
                cause=cause,
                log_id=log_id,
                again_at=now + timedelta(seconds=wait) if wait else None,
                now=now,
                reference=_reference(),
            ),
            cause.status,
        )
    if wait:
        response.headers["Retry-After"] = str(wait)
    return _unstored(response)


def _http_error(error: HTTPException) -> Response:
    """Return the page for an HTTP error that no view explained, with the headers it prescribes."""
    if isinstance(error.response, Response):
        return error.response
    if api_problems.is_api():
        return api_problems.of_http(error)
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return _plain(replace(CAUSES["our_fault"], status=status))
    if isinstance(error, SecurityError):
        # The host is not ours, so no address can be made for the links of the full page.
        return _plain(CAUSES["other_host"])
    cause = replace(CAUSES[_code_of(error)], status=status)
    response = _answer(cause, log_id="", retry_after=_wait_of(error), now=utc_now())
    for name, value in error.get_headers(request.environ):
        if name == "Allow":
            response.headers[name] = value
    return response


def _our_fault(error: Exception) -> Response:
    """Log an exception nobody expected, and return the page that cannot break itself."""
    with suppress(Exception):  # a full disk under the log must not cost the page as well
        structlog.get_logger().exception("request.broken", path=request.path, exc_info=error)
    if api_problems.is_api():
        return api_problems.problem("our_fault")
    return _plain(CAUSES["our_fault"])


def _code_of(error: HTTPException) -> str:
    """Return the code of the cause that stands for an HTTP error below 500."""
    if isinstance(error, CSRFError):
        cookie = current_app.config["SESSION_COOKIE_NAME"]
        return "form_expired" if request.cookies.get(cookie) else "cookies_blocked"
    return BY_STATUS.get(error.code or 0, "unreadable")


def _wait_of(error: HTTPException) -> int | None:
    """Return the seconds until the limit that was hit opens again; None if no limit was hit."""
    if not isinstance(error, RateLimitExceeded):
        return None
    hit = [limiter.current_limit for limiter in current_app.extensions["limiter"]]
    return max((int(limit.reset_at - time()) + 1 for limit in hit if limit), default=None)


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


def _plain(cause: Cause) -> Response:
    """Return a cause without template engine, database, session or address; it cannot fail."""
    if _prefers_json():
        return _unstored(_problem(cause))
    site = current_app.jinja_env.globals
    words = {
        "app_name": site.get("app_name", "Coatcheck"),
        "privacy_url": site.get("privacy_url", "/privacy"),
        "terms_url": site.get("terms_url", "/terms"),
        "banner": TEST_MODE if site.get("sandbox") else "",
        "test_mode": "Test mode",
        "title": cause.title,
        "what": cause.what,
        "stored": cause.stored,
        "action": cause.action,
        # The public address, because the one that was asked for may not be ours.
        "home": f"{site.get('public_origin', '')}/",
        "code": cause.code,
        "reference": _reference(),
    }
    filled = current_app.extensions[PLAIN_PAGE].substitute(
        {name: escape(str(word)) for name, word in words.items()}
    )
    return _unstored(Response(filled, cause.status, mimetype="text/html"))


def _unstored(response: Response) -> Response:
    """Keep an error out of every cache: its reference belongs to one request."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _reference() -> str:
    """Return the id under which the log has this request; "-" if it never got one."""
    return str(g.get("request_id", "-"))


def _prefers_json() -> bool:
    """Say whether the client would rather have JSON than a page."""
    accepts = request.accept_mimetypes
    wants = max(accepts["application/json"], accepts["application/problem+json"])
    return bool(wants > accepts["text/html"])
