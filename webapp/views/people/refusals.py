"""Returns from TikTok that are refused, each with its own page."""

from typing import Any

from flask import redirect, url_for
from werkzeug.wrappers import Response

from webapp.services.connect import sign_ins
from webapp.views.http import guards
from webapp.views.http.errors import page
from webapp.views.http.runtime import runtime
from webapp.views.http.session import visitor
from webapp.views.http.signing_in import return_link, sign_in_attempts

#: Pages about a return that came before: they are not about how its sign-in ended.
_REPEATED = ("already_done", "attempt_over")


class DeliveredAgain(Exception):
    """The sign-in of this attempt has been answered already, but the response got lost."""

    def __init__(self, attempt: sign_in_attempts.Attempt) -> None:
        super().__init__("delivered again")
        self.attempt = attempt


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
    `facts` go to the page. A reload of the page is then known to be one of a failure.
    """
    # A rescued answer is stored later.
    is_end = attempt is not None and cause not in _REPEATED and not facts.get("rescued")
    present = visitor()
    if present is not None:
        guards.set_actor("person", present.ticket, present.session)
    sign_ins.record_failed(
        runtime(),
        cause,
        tiktok_code,
        on=present.ticket if present else None,
        from_here=attempt is not None,
        ended=attempt.state if attempt is not None and is_end else "",
    )
    back = return_link.parse(attempt.back) if attempt is not None else None
    return page(cause, back=back, **facts)


def attempt_of(state: str | None) -> sign_in_attempts.Attempt:
    """Return the attempt that began with this state. Raises Refused and DeliveredAgain."""
    try:
        return sign_in_attempts.redeem(state, runtime().clock())
    except sign_in_attempts.StateRejected as rejected:
        cause, attempt = rejected.cause, rejected.attempt
    if cause == "delivered_again" and attempt is not None:
        raise DeliveredAgain(attempt)
    if cause == "reloaded":
        raise Refused(repeated(state or "", attempt))
    raise Refused(refusal_page(cause, attempt))


def repeated(state: str, attempt: sign_in_attempts.Attempt | None) -> Response:
    """Answer a return whose state was used before: say what the first time led to."""
    result = sign_ins.result_of(runtime(), state)
    if result != "done":
        return refusal_page("attempt_over", attempt, unsure=result == "unknown")
    if visitor():
        return redirect(url_for("account.show"), 303)
    return refusal_page("already_done", attempt)


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
