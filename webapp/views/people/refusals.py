"""Returns from TikTok that are refused, each with its own page."""

from typing import Any

from flask import current_app, redirect, request, url_for
from werkzeug.wrappers import Response

from webapp.services.connect import sign_ins
from webapp.views.http import guards, return_link, sign_in_attempts
from webapp.views.http.errors import page
from webapp.views.http.runtime import runtime
from webapp.views.http.session import visitor


class Refused(Exception):
    """The return from TikTok is refused; `response` is what the browser gets."""

    def __init__(self, response: Response) -> None:
        super().__init__("refused")
        self.response = response


def refusal_page(
    cause: str, attempt: sign_in_attempts.Attempt | None, *, tiktok_code: str = "", **facts: Any
) -> Response:
    """Record that nobody was connected, and return the page that says why.

    `attempt` is the one that this return used up, if any. `tiktok_code` is TikTok's error code,
    `facts` go to the page.
    """
    present = visitor()
    if present is not None:
        guards.set_actor("person", present.ticket, present.session)
    sign_ins.record_failed(
        runtime(),
        cause,
        tiktok_code,
        on=present.ticket if present else None,
        from_here=attempt is not None,
    )
    back = return_link.parse(attempt.back) if attempt is not None else None
    return page(cause, back=back, **facts)


def attempt_of(state: str | None) -> sign_in_attempts.Attempt:
    """Return the attempt with this state and use it up (rules 9, 12, 17).

    Raises Refused if the state is missing, unknown, from another browser, used or too old.
    """
    attempt = sign_in_attempts.take(state) if state else None
    if attempt is None:
        raise Refused(_not_from_here(state))
    if not sign_ins.spend_state(attempt.state, runtime().clock()):
        raise Refused(refusal_page("already_done", None))
    if attempt.is_over(runtime().clock()):
        raise Refused(refusal_page("expired", attempt))
    return attempt


def expected_account(attempt: sign_in_attempts.Attempt) -> str | None:
    """Return the open_id that this attempt must end with; None if any will do.

    Raises Refused if someone else is signed in now than when the attempt began.
    """
    if attempt.another:
        return None
    present = visitor()
    if present is None:
        return attempt.viewer
    if attempt.viewer not in (None, present.open_id):
        raise Refused(refusal_page("other_account", attempt))
    return present.open_id


def _not_from_here(state: str | None) -> Response:
    """Return the answer to a state that isn't among this browser's attempts."""
    if current_app.config["SESSION_COOKIE_NAME"] not in request.cookies:
        return refusal_page("cookie_missing", None)
    if state is None or not sign_ins.is_state_spent(state):
        return refusal_page("older_attempt", None)
    if visitor():
        return redirect(url_for("account.show"), 303)
    return refusal_page("already_done", None)
