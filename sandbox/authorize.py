"""The consent page and the way back to the app; never sends anybody to an unchecked address."""

from collections.abc import Mapping
from urllib.parse import quote

from flask import Blueprint, Response, make_response, redirect, render_template, request

from sandbox import scopes
from sandbox.bend import bend, merged
from sandbox.faults import Fault
from sandbox.question import Asked, Faulty, read
from sandbox.registration import origin
from sandbox.runtime import desk

blueprint = Blueprint("authorize", __name__)

CANCELLED = {"error": "access_denied", "error_description": "User cancelled the authorization"}


@blueprint.get("/v2/auth/authorize/")
def ask() -> Response:
    """Show the consent page, or answer at once for a script (`login_as`)."""
    desk().knobs.wait("authorize", after=False)
    fault = desk().faults.draw("authorize", way_back=False)
    if fault is not None:
        desk().counters.count_fault("authorize", fault.kind)
        return bend(fault, _asked_page() if fault.after else None)
    return _asked_page()


@blueprint.post("/v2/auth/authorize/")
def decide() -> Response:
    """Take the person's decision and send them back to the app."""
    try:
        asked = read(request.args)
        decision, name = request.form.get("decision"), request.form.get("person", "")
        if decision == "cancel":
            return _back(asked, CANCELLED)
        if decision == "not_target":
            return _back(asked, _denied("non_sandbox_target"))
        if decision != "allow":
            raise Faulty("decision", "The form was not filled in.")
        chosen = frozenset(request.form.getlist("scopes")) & frozenset(asked.scopes)
        return _allow(asked, name, chosen)
    except Faulty as fault:
        return _fault_page(fault)


def _asked_page() -> Response:
    try:
        asked = read(request.args)
        script = request.args.get("login_as")
        if "deny" in request.args:
            deny = request.args["deny"]
            return _back(asked, CANCELLED if deny in ("", "1") else _denied(deny))
        if script is not None:
            return _allow(asked, script, _narrowed(asked))
        known = _known_visitor(asked)
        if known is not None and not asked.always_ask:
            return _allow(asked, known, frozenset(asked.scopes))
    except Faulty as fault:
        return _fault_page(fault)
    return _consent_page(asked)


def _narrowed(asked: Asked) -> frozenset[str]:
    if "grant" not in request.args:
        return frozenset(asked.scopes)
    wish = frozenset(filter(None, request.args["grant"].split(",")))
    if not wish <= frozenset(asked.scopes):
        raise Faulty("grant", "Only scopes that were asked for can be granted.")
    return wish


def _known_visitor(asked: Asked) -> str | None:
    """Return the person whose TikTok session this browser is set to hold, if they consented."""
    here = desk()
    name = here.knobs.manners.auto_auth
    for person, grant in here.books.people():
        if person.name == name and grant and frozenset(asked.scopes) <= grant.scopes:
            return name
    return None


def _allow(asked: Asked, name: str, granted: frozenset[str]) -> Response:
    here = desk()
    if here.books.person(name) is None:
        raise Faulty("login_as", "Nobody here has that name.")
    code = here.codes.hand_out(name, granted, asked.redirect_uri, asked.challenge)
    return _back(asked, {"code": code, "scopes": scopes.joined(granted)})


def _denied(error_type: str) -> dict[str, str]:
    return {
        "error": "access_denied",
        "error_description": f"The authorization was refused: {error_type}",
        "error_type": error_type,
    }


def _back(asked: Asked, parameters: Mapping[str, str]) -> Response:
    here = desk()
    answer: dict[str, object] = {**parameters, "state": asked.state}
    fault = here.faults.draw("authorize", way_back=True)
    if fault is not None:
        here.counters.count_fault("authorize", fault.kind)
        answer = _misled(fault, answer)
    here.counters.count("authorize", str(answer.get("error_type") or answer.get("error") or "ok"))
    pairs = [
        f"{quote(str(name), safe='')}={quote(str(value), safe='')}"
        for name, values in answer.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return make_response(redirect(f"{asked.redirect_uri}?{'&'.join(pairs)}", 302))


def _misled(fault: Fault, answer: dict[str, object]) -> dict[str, object]:
    if fault.kind == "answer":
        changes = fault.options["answer"]
        return merged(answer, changes if isinstance(changes, dict) else {})
    named = {
        "error": fault.options["error"],
        "error_description": fault.options["description"] or "A fault of a test.",
        "error_type": fault.options["error_type"],
        "state": answer["state"],
    }
    return {name: value for name, value in named.items() if value}


def _consent_page(asked: Asked) -> Response:
    here = desk()
    page = render_template(
        "consent.html",
        people=here.books.people(),
        preselected=here.knobs.manners.auto_auth,
        scopes=[(name, scopes.LABELS[name]) for name in asked.scopes],
        client_key=here.registration.client_key,
        destination=origin(asked.redirect_uri),
        here=request.full_path,
    )
    response = make_response(page)
    # Chromium holds the 302 after a form post to form-action too.
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action 'self' {origin(asked.redirect_uri)}"
    )
    return response


def _fault_page(fault: Faulty) -> Response:
    desk().counters.count("authorize", f"page:{fault.word}")
    return make_response(render_template("fault.html", word=fault.word, why=fault.why), 400)
