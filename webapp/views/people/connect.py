"""The dance with TikTok, at the door because it reads and writes the browser's session."""

import structlog
from flask import Blueprint, render_template, request
from werkzeug.exceptions import MethodNotAllowed
from werkzeug.wrappers import Response

from webapp.services import people
from webapp.services.account import export
from webapp.services.connect import connect, scopes
from webapp.services.connect.user_info import update_profile
from webapp.tiktok import callback as answers
from webapp.tiktok.errors import (
    ConnectAgain,
    Declined,
    NotATargetUser,
    OurConfiguration,
    TikTokError,
    TryLater,
)
from webapp.views.http import attempts, way_back
from webapp.views.http.guards import at_most, public
from webapp.views.http.house import house
from webapp.views.http.visitor import device, visitor
from webapp.views.people import connected, refusals

log = structlog.get_logger(__name__)
blueprint = Blueprint("connect", __name__)
blueprint.add_url_rule("/connected", "connected", connected.show)

#: Enough for a class-room behind one address, too few to try states out.
SIGN_INS = "60 per minute; 600 per hour"


@blueprint.get("/connect")
@public
def choose() -> str:
    """Step 1: let people choose; `?add=` ticks one that they were asked for."""
    ours = house()
    offer = scopes.offer(ours.settings)
    present = visitor()
    user = people.find(present.ref) if present else None
    return render_template(
        "connect/choose.html",
        required=offer.required,
        optional=offer.optional,
        ticked=set(request.args.getlist("add")),
        already=user.granted if user else frozenset(),
        another=request.args.get("another") == "1",
        unfinished=attempts.unfinished(ours.clock()),
        back=way_back.asked(),
    )


@blueprint.post("/connect")
@public
@at_most(SIGN_INS)
def start() -> Response:
    """Send the browser to TikTok under a new state."""
    ours = house()
    another = request.form.get("another_account") == "1"
    asked = scopes.chosen(ours.settings, request.form.getlist("scopes"))
    present = visitor()
    viewer = present.open_id if present else None
    back = way_back.asked()
    attempt = attempts.begin(asked, viewer, another, back.url if back else "", ours.clock())
    url = ours.provider.authorization_url(
        state=attempt.state, scopes=asked, another_account=another
    )
    # Without the usual body, which would write the state into a page.
    return Response(status=302, headers={"Location": url})


@public
@at_most(SIGN_INS)
def callback() -> Response:
    """Take TikTok's answer: the state is judged before anything else in it (rule 12)."""
    if request.method != "GET":
        # Flask lets HEAD in with every GET; whoever checks a link must not use the code up.
        raise MethodNotAllowed(["GET"])
    attempt = None
    try:
        attempt = refusals.attempt_of(answers.state(request.args))
        done = _connect(attempt, _code())
    except refusals.Refused as refused:
        return refused.answer
    except answers.BadCallback as bad:
        log.info("callback_unreadable", reason=bad.reason)
        return refusals.tell("incomplete", attempt)
    except TikTokError as error:
        return _tell(error, attempt)
    except connect.NeededScopeMissing:
        return refusals.tell("basic_missing", attempt)
    except connect.DifferentAccount as other:
        return _other_account(other.open_id, attempt)
    return connected.welcome(done, attempt)


def _code() -> str:
    answer = answers.read(request.args, issuer=house().settings.authorize_origin)
    if answer.refusal is not None:
        raise answer.refusal
    return answer.code or ""


def _connect(attempt: attempts.Attempt, code: str) -> connect.Connected:
    ours = house()
    expected = refusals.expected_account(attempt)
    tokens = ours.provider.exchange(code=code, state=attempt.state)
    done = connect.connect_person(ours, tokens, attempt.scopes, expected, device=device())
    update_profile(ours, done.person)
    return done


def _other_account(open_id: str, attempt: attempts.Attempt | None) -> Response:
    """Return the page that names both accounts, as far as this browser may know them."""
    present = visitor()
    return refusals.tell(
        "other_account",
        attempt,
        signed_in_as=export.name_of(house(), open_id) or "",
        belongs_to=(present.name if present else None) or "",
    )


def _tell(error: TikTokError, attempt: attempts.Attempt | None) -> Response:
    """Return the page of what went wrong at TikTok, and note it under the request's reference."""
    log.warning("connect_failed", kind=type(error).__name__, code=error.code, log_id=error.log_id)
    return refusals.tell(
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
    """Tell an answer that is none from a TikTok that says, or shows, that it is down."""
    return error.code.startswith("answer_") and (error.status or 0) < 500
