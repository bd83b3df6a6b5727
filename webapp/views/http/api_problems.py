"""Answers of the API that are not what was asked for, as RFC 9457 problem details; never a page."""

import json
from typing import Any

from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from webapp.views.http.api_document import API, DOCS, kinds
from webapp.views.http.house import house

#: Nobody is sent away for longer than this, in seconds.
LONGEST_WAIT = 3600
_BY_STATUS = {
    404: "not_found",
    405: "wrong_method",
    408: "too_slow",
    413: "too_large",
    414: "too_long",
    429: "rate_limited",
}


def problem(
    code: str, *, detail: str = "", retry_after: float | None = None, **more: Any
) -> Response:
    """Return the problem of this code; `retry_after` is in seconds. Raises KeyError if unknown."""
    kind = kinds(house().settings.public_origin)[code]
    said = {
        "type": kind.example["type"],
        "title": kind.example["title"],
        "status": kind.status,
        "detail": detail or kind.example["detail"],
        "code": code,
        "retryable": kind.example["retryable"],
        "reference": str(g.get("request_id", "-")),
        **more,
    }
    response = Response(status=kind.status, mimetype="application/problem+json")
    if retry_after is not None:
        said["retry_after"] = min(max(int(retry_after + 0.999), 1), LONGEST_WAIT)
        response.headers["Retry-After"] = str(said["retry_after"])
    if kind.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Authorization"
    response.set_data(json.dumps(said))
    return response


def is_api() -> bool:
    """Tell whether a program asks here: below /api/, where people have two addresses only."""
    if request.path.startswith(API):
        return True
    people = (DOCS, current_app.jinja_env.globals["callback_path"])
    return request.path.startswith("/api/") and request.path not in people


def of_http(error: HTTPException) -> Response:
    """Return the problem that stands for an HTTP error which no view explained."""
    status = error.code or 500
    response = problem("our_fault" if status >= 500 else _BY_STATUS.get(status, "bad_request"))
    for name, value in error.get_headers(request.environ):
        if name == "Allow":
            response.headers[name] = value
    return response
