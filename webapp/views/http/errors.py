"""Finds the cause of errors that no view explained; its page never repeats what was sent."""

from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from time import time

import structlog
from flask import Flask, Response, current_app, request
from flask_limiter import RateLimitExceeded
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, NotFound, SecurityError
from werkzeug.wrappers import Response as Answer

from webapp.clock import utc_now
from webapp.services.authority import HalfDone, NoLongerAllowed
from webapp.services.people import PersonGone
from webapp.views.http import api_problems, plain_page, way_back
from webapp.views.http.cause_page import CAUSES, answer, in_words, note, page, plain
from webapp.views.http.guards import access_of, signed_out
from webapp.views.http.http_causes import BY_STATUS

__all__ = ["CAUSES", "page", "register"]


def register(app: Flask) -> None:
    """Answer every HTTP error and every exception of `app` with a page of ours."""
    plain_page.register(app)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _our_fault)
    for lost in (NoLongerAllowed, PersonGone):
        app.register_error_handler(lost, _turned_away)


def _http_error(error: HTTPException) -> Response:
    """Return the page for an HTTP error that no view explained, with the headers it prescribes."""
    if isinstance(error.response, Response):
        return error.response
    if api_problems.is_api():
        return api_problems.of_http(error)
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        cause = replace(CAUSES["our_fault"], status=status)
        note(cause)
        return plain(cause)
    if isinstance(error, SecurityError):
        # The host is not ours, so no address can be made for the links of the full page.
        note(CAUSES["other_host"])
        return plain(CAUSES["other_host"])
    if isinstance(error, CSRFError):
        return page(_code_of(error), back=way_back.asked())
    cause = in_words(replace(CAUSES[_code_of(error)], status=status))
    response = answer(cause, retry_after=_wait_of(error), now=utc_now())
    for name, value in error.get_headers(request.environ):
        if name == "Allow":
            response.headers[name] = value
    return response


def _turned_away(lost: Exception) -> Answer:
    """Answer whoever lost the right to an act while it was under way like one who never had it."""
    if access_of(current_app, request.endpoint or "") == "person":
        return signed_out()
    if isinstance(lost, HalfDone):
        return page("stopped_halfway")
    return _http_error(NotFound())


def _our_fault(error: Exception) -> Response:
    """Log an exception nobody expected, and return the page that cannot break itself."""
    with suppress(Exception):  # a full disk under the log must not cost the page as well
        structlog.get_logger().exception("request.broken", path=request.path, exc_info=error)
    if api_problems.is_api():
        return api_problems.problem("our_fault")
    return plain(CAUSES["our_fault"])


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
