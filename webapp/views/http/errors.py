"""Turns a cause into its page, or problem+json, in the reader's words; decides no cause."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from flask import Response, g, make_response, render_template, request

from webapp.clock import utc_now
from webapp.language import gettext as _
from webapp.views.http import plain_page
from webapp.views.http.cause import ANOTHER, Cause
from webapp.views.http.causes import CONNECT_CAUSES
from webapp.views.http.http_causes import HTTP_CAUSES
from webapp.views.http.present import display_name
from webapp.views.http.way_back import WayBack

log = structlog.get_logger(__name__)
#: Code → what its page says.
CAUSES = CONNECT_CAUSES | HTTP_CAUSES
#: TikTok or a limit may name an absurd wait; nobody is sent away for longer than this (seconds).
LONGEST_WAIT = 3600


def page(
    code: str,
    *,
    log_id: str = "",
    retry_after: int | None = None,
    signed_in_as: str = "",
    belongs_to: str = "",
    back: WayBack | None = None,
    now: datetime | None = None,
) -> Response:
    """Return the page of a cause, or problem+json to a client that prefers JSON.

    `log_id` is TikTok's, for its support. `retry_after` is in seconds. `signed_in_as` and
    `belongs_to` are the names of the two accounts of "other_account", as far as they are known.
    `back` leads to the service that sent the person. Raises KeyError if `code` is no cause.
    """
    cause = in_words(CAUSES[code])
    if code == "other_account":
        cause = _with_names(cause, signed_in_as, belongs_to)
    if back is not None and cause.href.startswith("/connect"):
        cause = replace(cause, href=back.after(cause.href))
    return answer(cause, log_id=log_id, retry_after=retry_after, back=back, now=now or utc_now())


def in_words(cause: Cause) -> Cause:
    """Return a cause in the reader's language."""
    return replace(
        cause,
        title=_(cause.title),
        what=_(cause.what),
        stored=_(cause.stored),
        todo=tuple(_(step) for step in cause.todo),
        action=_(cause.action),
        other=(_(cause.other[0]), cause.other[1]) if cause.other else None,
    )


def answer(
    cause: Cause,
    *,
    log_id: str = "",
    retry_after: int | None = None,
    back: WayBack | None = None,
    now: datetime,
) -> Response:
    """Render a cause in the layout of the site, with Retry-After where waiting helps."""
    wait = cause.retry_after if retry_after is None else min(max(retry_after, 1), LONGEST_WAIT)
    note(cause)
    if _prefers_json():
        response = _problem(cause, log_id=log_id, retry_after=wait)
    else:
        response = make_response(
            render_template(
                "errors/error.html",
                cause=cause,
                log_id=log_id,
                back=back,
                again_at=now + timedelta(seconds=wait) if wait else None,
                now=now,
                reference=_reference(),
            ),
            cause.status,
        )
    if wait:
        response.headers["Retry-After"] = str(wait)
    return _unstored(response)


def plain(cause: Cause) -> Response:
    """Return a cause without template engine, database, session or address; it cannot fail."""
    with suppress(Exception):  # a catalogue that cannot be read must not cost the page as well
        cause = in_words(cause)
    if _prefers_json():
        return _unstored(_problem(cause))
    filled = plain_page.fill(cause, _reference(), utc_now())
    return _unstored(Response(filled, cause.status, mimetype="text/html"))


def note(cause: Cause) -> None:
    """Leave a line in the log under the reference of the page."""
    with suppress(Exception):  # a full disk under the log must not cost the page as well
        log.info("cause_told", cause=cause.code, status=cause.status)


def _with_names(cause: Cause, signed_in_as: str, belongs_to: str) -> Cause:
    """Return the cause with the names of both accounts, as far as they are known."""
    if not belongs_to:
        return cause
    owner, other = display_name(belongs_to), display_name(signed_in_as)
    cause = replace(cause, action=_("Try again as %(name)s", name=owner))
    if not signed_in_as or owner == other:
        what = _(
            "This connection belongs to %(owner)s. You came back with another account.",
            owner=owner,
        )
        return replace(cause, what=what)
    what = _(
        "You signed in as %(other)s. This connection belongs to %(owner)s.",
        other=other,
        owner=owner,
    )
    new = _("Connect %(name)s as a new one", name=other)
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
