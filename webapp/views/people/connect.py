"""The three steps of connecting: choose permissions, sign in at TikTok, see the result."""

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Response

from webapp.language import gettext as _
from webapp.services import people
from webapp.services.connect import connect, scopes, sign_ins
from webapp.services.connect.connect import Connected
from webapp.services.connect.user_info import update_profile
from webapp.tiktok import callback
from webapp.tiktok.errors import (
    ConnectAgain,
    Declined,
    NotATargetUser,
    OurConfiguration,
    TikTokError,
    TryLater,
)
from webapp.views.http.errors import page
from webapp.views.http.guards import at_most, person, public
from webapp.views.http.request_checks import is_speculative
from webapp.views.http.runtime import runtime
from webapp.views.http.session import device, sign_in, visitor
from webapp.views.http.signing_in import come_back, return_link, sign_in_attempts, step_up
from webapp.views.http.signing_in.sign_in_attempts import Attempt
from webapp.views.http.template_filters import is_connected
from webapp.views.people import refusals

log = structlog.get_logger(__name__)
blueprint = Blueprint("connect", __name__)

#: Enough for a classroom behind one address, too few to guess states.
SIGN_INS = "60 per minute; 600 per hour"
#: What /connected reports: "again": the connection had ended and works again; "added": more is
#: allowed; "other": a different account; "returned": nothing new. Without one: a first connection.
KINDS = ("again", "added", "other", "returned")


@blueprint.get("/connect")
@public
def choose() -> str:
    """Step 1: choose permissions; `?add=` ticks those that a service asks for."""
    offer = scopes.offer(runtime().settings)
    present = visitor()
    already = scopes.granted_by(present.ref) if present else frozenset()
    ticked = set(request.args.getlist("add"))
    return render_template(
        "connect/choose.html",
        required=offer.required,
        optional=offer.optional,
        ticked=ticked,
        already=already,
        adding=[s.label for s in offer.optional if already and s.id in ticked - already],
        another=request.args.get("another") == "1",
        unfinished=sign_in_attempts.unfinished(runtime().clock()),
        back=return_link.requested(),
    )


@blueprint.post("/connect")
@public
@at_most(SIGN_INS)
def start() -> Response:
    """Step 2: send the browser to TikTok with a new state."""
    then = step_up.requested()
    # A person who signs in again must return as the same person.
    another = request.form.get("another_account") == "1" and not then
    asked = scopes.chosen(runtime().settings, request.form.getlist("scopes"))
    present = visitor()
    viewer = present.open_id if present else None
    back = return_link.requested()
    now = runtime().clock()
    attempt = sign_in_attempts.begin(
        asked, viewer, another, back.url if back else "", now, then or come_back.wanted(now)
    )
    url = runtime().provider.authorization_url(
        state=attempt.state, scopes=asked, another_account=another or bool(then)
    )
    # Without Flask's usual body, which would show the state in a page.
    return Response(status=302, headers={"Location": url})


@public
@at_most(SIGN_INS)
def handle_callback() -> Response:
    """Handle the return from TikTok; the state is checked before anything else (rule 12)."""
    if request.method != "GET":
        # Flask allows HEAD with every GET; a link checker must not use up the code.
        raise MethodNotAllowed(["GET"])
    if is_speculative():
        # The browser only guesses that the person will come, and would throw the answer away.
        return Response(status=503)
    attempt = None
    try:
        attempt = refusals.attempt_of(callback.state(request.args))
        done = _connect(attempt, _code())
    except refusals.Refused as refused:
        return refused.response
    except refusals.DeliveredAgain as again:
        return _welcome_again(again.attempt)
    except callback.BadCallback as bad:
        log.info("callback_unreadable", reason=bad.reason)
        return refusals.refusal_page("incomplete", attempt)
    except TikTokError as error:
        return _refuse(error, attempt)
    except connect.RequiredScopeMissing:
        return refusals.refusal_page("basic_missing", attempt)
    except connect.NotStored as failed:
        return refusals.refusal_page("not_stored", attempt, rescued=failed.rescued)
    except connect.DifferentAccount as other:
        return _other_account(other.open_id, attempt)
    return welcome(done, attempt)


@blueprint.get("/connected")
@person
def connected() -> str | Response:
    """Step 3: show what was connected; redirect people who aren't connected anymore."""
    present = visitor()
    user = people.find(present.ref) if present else None
    if user is None:
        return redirect(url_for("home.index"), 303)
    back = return_link.requested()
    if not is_connected(user.health(runtime().clock()).value):
        # A bookmark may outlive its connection. A service still wants the person to connect.
        target = url_for("account.show")
        return redirect(back.after(url_for("connect.choose")) if back else target, 303)
    granted = scopes.granted(user)
    added = [scope for scope in granted if scope.id in request.args.getlist("added")]
    kind = request.args.get("kind", "")
    return render_template(
        "connect/connected.html",
        person=user,
        granted=granted,
        missing=scopes.missing(user),
        kind=kind if kind in KINDS and (added or kind != "added") else "new",
        added=added,
        back=back,
    )


def welcome(done: Connected, attempt: Attempt) -> Response:
    """Sign in the person who connected and redirect them to the result.

    If there is nothing new to show, that is their account; but people sent by a service always get
    the page that shows the return link.
    """
    back = return_link.parse(attempt.back)
    if not sign_in(done.secret):
        if people.find(done.person) is None:
            return page("account_deleted", back=back)
        flash(_("You were signed out from another device in the meantime. Sign in again."), "warn")
        return redirect(url_for("home.index"), 303)
    if attempt.then and not come_back.is_address(attempt.then):
        flash(_("You're signed in again. Nothing has been done yet."), "ok")
        return redirect(step_up.address(attempt.then), 303)
    kind = _welcome_kind(done, attempt)
    if kind == "returned" and back is None:
        return redirect(_wanted_page(attempt), 303)
    target = url_for("connect.connected", kind=kind, added=done.added or None)
    return redirect(back.after(target) if back else target, 303)


def _wanted_page(attempt: Attempt) -> str:
    """Return the page that the person wanted to open when they weren't signed in, or the account.

    Another person may have used this browser before them, so it must be a page they may open.
    """
    present = visitor()
    if not attempt.then or present is None:
        return url_for("account.show")
    if come_back.is_for_operators(attempt.then) and not present.operator:
        return url_for("account.show")
    return attempt.then


def _welcome_kind(done: Connected, attempt: Attempt) -> str | None:
    if done.kind == "returned":
        return "added" if done.added else "returned"
    if attempt.another and attempt.viewer not in (None, done.open_id):
        return "other"
    return "again" if done.kind == "again" else None


def _code() -> str:
    answer = callback.read(request.args, issuer=runtime().settings.authorize_origin)
    if answer.refusal is not None:
        raise answer.refusal
    return answer.code or ""


def _connect(attempt: sign_in_attempts.Attempt, code: str) -> connect.Connected:
    expected = refusals.expected_account(attempt)
    connect.require_open()
    tokens = runtime().provider.exchange(code=code, state=attempt.state)
    here = device(attempt.started_at)
    done = connect.connect_person(
        runtime(), tokens, attempt.scopes, expected, device=here, state=attempt.state
    )
    update_profile(runtime(), done.person, done.fresh)
    return done


def _welcome_again(attempt: Attempt) -> Response:
    """Lead a browser that lost the response to where it led, without asking TikTok again."""
    done = sign_ins.sign_in_again(runtime(), attempt.state, device(attempt.started_at))
    if done is None:
        return refusals.repeated(attempt.state, attempt)
    return welcome(done, attempt)


def _other_account(open_id: str, attempt: sign_in_attempts.Attempt | None) -> Response:
    """Return the page that names both accounts, as far as this browser may see them."""
    present, other = visitor(), people.find_by_open_id(runtime(), open_id)
    return refusals.refusal_page(
        "other_account",
        attempt,
        signed_in_as=(other.display_name if other else None) or "",
        belongs_to=(present.name if present else None) or "",
    )


def _refuse(error: TikTokError, attempt: sign_in_attempts.Attempt | None) -> Response:
    """Log an error from TikTok, and return its page."""
    log.warning("connect_failed", kind=type(error).__name__, code=error.code, log_id=error.log_id)
    return refusals.refusal_page(
        _cause_of(error),
        attempt,
        tiktok_code=error.code,
        log_id=error.log_id,
        retry_after=error.retry_after if isinstance(error, TryLater) else None,
    )


def _cause_of(error: TikTokError) -> str:
    match error:
        case NotATargetUser():
            return "site_in_testing"
        case OurConfiguration():
            return "site_not_ready"
        case Declined():
            return "denied"
        case ConnectAgain():
            return "code_refused"
        case TryLater() if not _is_nonsense(error):
            return "tiktok_down"
    return "tiktok_unclear"


def _is_nonsense(error: TryLater) -> bool:
    """Return True if TikTok answered unintelligibly, rather than being down."""
    return error.code.startswith("answer_") and (error.status or 0) < 500
