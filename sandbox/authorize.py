"""The authorize endpoint: checks the app's request, shows the consent page, redirects back.

Never redirects to an address that is not registered.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from flask import Blueprint, Response, make_response, redirect, render_template, request
from werkzeug.datastructures import MultiDict

from sandbox import scopes
from sandbox.faults import DESCRIPTION, Fault, apply, merged
from sandbox.runtime import runtime
from sandbox.settings import is_desktop, origin

blueprint = Blueprint("authorize", __name__)

CANCELED = {"error": "access_denied", "error_description": "User cancelled the authorization"}
CHALLENGE = re.compile(r"[0-9a-f]{64}")
NEVER_IN_A_URL = ("client_secret", "code_verifier")


class InvalidRequest(Exception):
    """The request is wrong; `word` is the parameter that TikTok's own error page would name."""

    def __init__(self, word: str, why: str) -> None:
        super().__init__(word)
        self.word = word
        self.why = why


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A checked request; `challenge` is None without PKCE."""

    scopes: tuple[str, ...]
    redirect_uri: str
    state: str
    challenge: str | None
    always_ask: bool


@blueprint.get("/v2/auth/authorize/")
def authorize() -> Response:
    """Show the consent page, or redirect immediately if a script decides (`login_as`, `deny`)."""
    here = runtime()
    here.settings.wait("authorize", after=False)
    fault = here.faults.take("authorize", redirecting=False)
    if fault is not None:
        here.counters.count_fault("authorize", fault.kind)
        return apply(fault, _response() if fault.after else None)
    return _response()


@blueprint.post("/v2/auth/authorize/")
def decide() -> Response:
    """Read the person's decision from the consent page and redirect to the app."""
    try:
        asked = parse(request.args)
        decision, name = request.form.get("decision"), request.form.get("person", "")
        if decision == "cancel":
            return _redirect_back(asked, CANCELED)
        if decision == "not_target":
            return _redirect_back(asked, _denied("non_sandbox_target"))
        if decision != "allow":
            raise InvalidRequest("decision", "Must be allow, cancel or not_target.")
        chosen = frozenset(request.form.getlist("scopes")) & frozenset(asked.scopes)
        return _allow(asked, name, chosen)
    except InvalidRequest as error:
        return _error_page(error)


def parse(args: MultiDict[str, str]) -> AuthorizationRequest:
    """Check the parameters of an authorization request.

    Raises InvalidRequest for the first parameter that TikTok would not accept.
    """
    _check_unwanted(args)
    registered = runtime().registered
    if not registered.has_key(args.get("client_key", "")):
        raise InvalidRequest("client_key", "Missing, or not the registered one.")
    uri = args.get("redirect_uri", "")
    if not registered.accepts_redirect(uri):
        raise InvalidRequest("redirect_uri", "Missing, or not exactly a registered one.")
    if args.get("response_type") != "code":
        raise InvalidRequest("response_type", "Must be `code`.")
    wanted = scopes.parse(args.get("scope", ""))
    if wanted is None:
        raise InvalidRequest(
            "scope", "Must be a comma-separated list of known scopes, without spaces or repeats."
        )
    if not args.get("state"):
        raise InvalidRequest("state", "Missing.")
    always_ask = args.get("disable_auto_auth", "0")
    if always_ask not in ("0", "1"):
        raise InvalidRequest("disable_auto_auth", "Must be 0 or 1.")
    challenge = _challenge(uri, args)
    return AuthorizationRequest(wanted, uri, args["state"], challenge, always_ask == "1")


def _check_unwanted(args: MultiDict[str, str]) -> None:
    if "client_id" in args:
        raise InvalidRequest("client_key", "TikTok uses client_key, not client_id.")
    for name in NEVER_IN_A_URL:
        if name in args:
            raise InvalidRequest(name, "Must never be sent in a URL.")
    for name in args:
        if len(args.getlist(name)) > 1:
            raise InvalidRequest(name, "Sent more than once.")


def _challenge(uri: str, args: Mapping[str, str]) -> str | None:
    challenge = args.get("code_challenge")
    if challenge is None and "code_challenge_method" not in args:
        if is_desktop(uri):
            raise InvalidRequest(
                "code_challenge", "Required for a loopback redirect URI (Desktop)."
            )
        return None
    if challenge is None or not CHALLENGE.fullmatch(challenge):
        raise InvalidRequest("code_challenge", "Must be 64 lowercase hex digits.")
    if args.get("code_challenge_method") != "S256":
        raise InvalidRequest("code_challenge", "code_challenge_method must be S256.")
    return challenge


def _response() -> Response:
    try:
        asked = parse(request.args)
        script = request.args.get("login_as")
        if "deny" in request.args:
            deny = request.args["deny"]
            return _redirect_back(asked, CANCELED if deny in ("", "1") else _denied(deny))
        if script is not None:
            return _allow(asked, script, _scopes_of_script(asked))
        visitor = _signed_in_visitor(asked)
        if visitor is not None and not asked.always_ask:
            return _allow(asked, visitor, frozenset(asked.scopes))
    except InvalidRequest as error:
        return _error_page(error)
    return _consent_page(asked)


def _scopes_of_script(asked: AuthorizationRequest) -> frozenset[str]:
    if "grant" not in request.args:
        return frozenset(asked.scopes)
    granted = frozenset(filter(None, request.args["grant"].split(",")))
    if not granted <= frozenset(asked.scopes):
        raise InvalidRequest("grant", "Only requested scopes can be granted.")
    return granted


def _signed_in_visitor(asked: AuthorizationRequest) -> str | None:
    """Return the person set by `auto_auth`, if they have consented to every requested scope."""
    here = runtime()
    name = here.settings.behavior.auto_auth
    for person, grant in here.store.people():
        if person.name == name and grant and frozenset(asked.scopes) <= grant.scopes:
            return name
    return None


def _allow(asked: AuthorizationRequest, name: str, granted: frozenset[str]) -> Response:
    here = runtime()
    if here.store.person(name) is None:
        raise InvalidRequest("login_as", "No person has this short name.")
    code = here.store.issue_code(name, granted, asked.redirect_uri, asked.challenge)
    return _redirect_back(asked, {"code": code, "scopes": scopes.joined(granted)})


def _denied(error_type: str) -> dict[str, str]:
    return {
        "error": "access_denied",
        "error_description": f"The authorization was refused: {error_type}",
        "error_type": error_type,
    }


def _redirect_back(asked: AuthorizationRequest, parameters: Mapping[str, str]) -> Response:
    here = runtime()
    answer: dict[str, object] = {**parameters, "state": asked.state}
    fault = here.faults.take("authorize", redirecting=True)
    if fault is not None:
        here.counters.count_fault("authorize", fault.kind)
        answer = _with_fault(fault, answer)
    here.counters.count("authorize", str(answer.get("error_type") or answer.get("error") or "ok"))
    pairs = [
        f"{quote(str(name), safe='')}={quote(str(value), safe='')}"
        for name, values in answer.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return make_response(redirect(f"{asked.redirect_uri}?{'&'.join(pairs)}", 302))


def _with_fault(fault: Fault, answer: dict[str, object]) -> dict[str, object]:
    if fault.kind == "answer":
        changes = fault.options["answer"]
        return merged(answer, changes if isinstance(changes, dict) else {})
    named = {
        "error": fault.options["error"],
        "error_description": fault.options["description"] or DESCRIPTION,
        "error_type": fault.options["error_type"],
        "state": answer["state"],
    }
    return {name: value for name, value in named.items() if value}


def _consent_page(asked: AuthorizationRequest) -> Response:
    here = runtime()
    page = render_template(
        "consent.html",
        people=here.store.listed_people(),
        preselected=here.settings.behavior.auto_auth,
        scopes=[(name, scopes.LABELS[name]) for name in asked.scopes],
        app=here.registered,
        destination=origin(asked.redirect_uri),
        here=request.full_path,
    )
    response = make_response(page)
    # Chromium applies form-action to the redirect after a form post, too.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {origin(asked.redirect_uri)}"
    )
    return response


def _error_page(error: InvalidRequest) -> Response:
    runtime().counters.count("authorize", f"page:{error.word}")
    return make_response(render_template("error.html", word=error.word, why=error.why), 400)
