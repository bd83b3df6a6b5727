"""The control API for tests and demos under /control/ (README.md lists its calls).

Only clients on this machine can reach it, and a POST needs JSON, which a web page of another
origin cannot send without a preflight request.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request

from sandbox import faults, scopes
from sandbox.people import Person, union_id_of, with_changes
from sandbox.runtime import runtime
from sandbox.settings import LOOPBACK, Behavior, Latency, Lifetimes
from sandbox.store import Plan
from sandbox.webhooks import Event

blueprint = Blueprint("control", __name__, url_prefix="/control")

NAME = re.compile(r"[a-z0-9_.\-]{1,40}")
DISCONNECTED_IN_TIKTOK = 1  # TikTok's reason code
LONGEST_WAIT = 30.0  # seconds
LARGEST_CROWD = 100_000  # people
OPEN_ID = re.compile(r"[A-Za-z0-9_\-]{1,64}")
ERROR = re.compile(r"[a-z_]{1,64}")


@dataclass(frozen=True, slots=True)
class Member:
    """One person of a crowd, with what is planned for their consent."""

    person: Person
    open_id: str | None
    listed: bool
    scopes: frozenset[str]
    plan: Plan


@blueprint.errorhandler(ValueError)
def _invalid(error: ValueError) -> Response:
    return error_response(str(error))


@blueprint.before_request
def _json_only() -> Response | None:
    if request.method == "POST" and request.path != "/control/trap" and not request.is_json:
        return error_response("send JSON with Content-Type: application/json", 415)
    return None


@blueprint.get("/faults")
def list_faults() -> Response:
    """List the faults that are not used up."""
    return jsonify({"faults": runtime().faults.active()})


@blueprint.post("/faults")
def add_fault() -> Response:
    """Add a fault."""
    fault = faults.parse(_body())
    runtime().faults.add(fault)
    return jsonify(fault.as_json())


@blueprint.delete("/faults")
def clear_faults() -> Response:
    """Remove every fault."""
    runtime().faults.clear()
    return jsonify({"faults": []})


@blueprint.route("/trap", methods=["GET", "POST", "PUT", "DELETE"])
def trap() -> Response:
    """Count a client that follows the redirect fault."""
    runtime().counters.count_trap_hit(
        request.method,
        body=bool(request.get_data()),
        authorization="Authorization" in request.headers,
    )
    return jsonify({"trapped": True})


@blueprint.post("/lifetimes")
def lifetimes() -> Response:
    """Set the lifetimes, in seconds, of the tokens and codes issued from now on."""
    return _update(runtime().settings.lifetimes)


@blueprint.post("/settings")
def settings() -> Response:
    """Set how the mock behaves where TikTok's documentation leaves it open."""
    body = _body()
    if body.get("auto_auth") is not None:
        _person_name(body, "auto_auth")
    return _update(runtime().settings.behavior)


@blueprint.post("/latency")
def latency() -> Response:
    """Make calls wait; replaces the previous latency."""
    body, fresh = _body(), Latency()
    if body.get("endpoint") not in (None, *faults.ENDPOINTS):
        raise ValueError(f"unknown endpoint; known: {', '.join(faults.ENDPOINTS)}")
    here = runtime().settings
    here.update(fresh, body)
    here.latency = fresh
    return jsonify(_as_json(fresh))


@blueprint.post("/release")
def release() -> Response:
    """End the latency, also for calls that are waiting now."""
    runtime().settings.release()
    return jsonify(_as_json(runtime().settings.latency))


@blueprint.get("/people")
def list_people() -> Response:
    """List everyone, and whether they are connected."""
    rows = runtime().store.people()
    return jsonify({"people": [_person_json(person, grant is not None) for person, grant in rows]})


@blueprint.post("/people")
def add_person() -> Response:
    """Add a person, or change the one with this name."""
    body, store = _body(), runtime().store
    listed = body.pop("listed", True)
    if not isinstance(listed, bool):
        raise ValueError("listed must be true or false")
    person = _described(body)
    store.add_person(person, listed=listed)
    return jsonify(_person_json(person, False))


@blueprint.post("/grants")
def grant() -> Response:
    """Record a person's consent without the authorization flow; return the token response."""
    name, granted = _person_name(_body()), _scopes(scopes.BASIC)
    return jsonify(runtime().store.grant(name, granted))


@blueprint.post("/crowd")
def crowd() -> Response:
    """Add many people who consent, each as planned; return their token responses.

    They are named and described one by one, or numbered: `count` adds p00000, p00001 …
    """
    body, granted = _body(), _scopes(scopes.BASIC)
    if ("count" in body) is ("people" in body):
        raise ValueError("send either count or people")
    members = _numbered(body["count"]) if "count" in body else body["people"]
    if not isinstance(members, list) or not 0 < len(members) <= LARGEST_CROWD:
        raise ValueError(f"people must be a list of 1 to {LARGEST_CROWD}")
    # All are checked before the first is added.
    planned = [_planned(member, granted) for member in members]
    return jsonify({"grants": [_join(member) for member in planned]})


def _numbered(count: object) -> list[dict[str, Any]]:
    if type(count) is not int or not 0 < count <= LARGEST_CROWD:
        raise ValueError(f"count must be an integer from 1 to {LARGEST_CROWD}")
    return [{"name": f"p{number:05}"} for number in range(count)]


def _planned(member: object, granted: frozenset[str]) -> Member:
    if not isinstance(member, dict):
        raise ValueError("each of people must be a JSON object")
    profile = dict(member)
    open_id = profile.pop("open_id", None)
    if open_id is not None and (not isinstance(open_id, str) or not OPEN_ID.fullmatch(open_id)):
        raise ValueError("open_id must be 1 to 64 characters of A-Z a-z 0-9 _ -")
    if "scopes" in profile:
        granted = _parsed_scopes(profile.pop("scopes"))
    given = {name: profile.pop(name) for name in Plan.__slots__ if name in profile}
    for name, value in given.items():
        if name not in ("error", "ended") and (type(value) is not int or value < 0):
            raise ValueError(f"{name} must be an integer of at least 0")
    if not ERROR.fullmatch(str(given.get("error", "none"))):
        raise ValueError("error must be one of TikTok's codes, such as temporarily_unavailable")
    if given.get("ended", "revoked") not in ("revoked", "deauthorized"):
        raise ValueError("ended must be revoked or deauthorized")
    listed = profile.pop("listed", False)
    if not isinstance(listed, bool):
        raise ValueError("listed must be true or false")
    return Member(_described(profile), open_id, listed, granted, Plan(**given))


def _join(member: Member) -> dict[str, object]:
    store, name = runtime().store, member.person.name
    store.add_person(member.person, listed=member.listed, open_id=member.open_id)
    return store.grant(name, member.scopes, member.plan)


@blueprint.post("/narrow")
def narrow() -> Response:
    """Change the scopes of an active consent, as a person can in TikTok."""
    granted = _scopes(None)
    return _change_consent(lambda open_id: runtime().store.set_scopes(open_id, granted))


@blueprint.post("/expire")
def expire() -> Response:
    """Expire a person's access token now, and their refresh token if `refresh` is true."""
    body = _body()
    access, refresh = body.get("access", True) is True, body.get("refresh", False) is True
    return _change_consent(
        lambda open_id: runtime().store.expire(open_id, access=access, refresh=refresh)
    )


@blueprint.post("/deauthorize")
def deauthorize() -> Response:
    """End a person's consent, as they can in TikTok, and send the signed webhook."""
    body, here = _body(), runtime()
    reason = body.get("reason", DISCONNECTED_IN_TIKTOK)
    if type(reason) is not int:
        raise ValueError("reason must be an integer")
    open_id = _open_id(body)
    had = here.store.end(open_id, "deauthorized")
    event = Event("authorization.removed", open_id, {"reason": reason})
    return jsonify({"open_id": open_id, "had_consent": had, "delivery": here.webhooks.send(event)})


@blueprint.post("/webhook")
def set_webhook_url() -> Response:
    """Set where webhooks are sent (loopback only), or null for nowhere."""
    url = _body().get("url")
    if url is not None and (not isinstance(url, str) or not _is_loopback(url)):
        raise ValueError("url must be null or an http(s) URL on 127.0.0.1 or localhost")
    runtime().webhooks.url = url
    return jsonify({"url": url})


@blueprint.post("/webhook/send")
def send_webhook() -> Response:
    """Send any webhook, even an old one, one for another app or one with a wrong signature."""
    body = _body()
    open_id = _open_id(body)
    known = {"event", "content", "create_time", "timestamp", "client_key", "tamper"}
    rest = {key: value for key, value in body.items() if key not in ("person", "open_id")}
    if set(rest) - known or not isinstance(rest.get("event"), str):
        names = ", ".join(sorted(known))
        raise ValueError(f"event is required; known: person or open_id, {names}")
    return jsonify({"delivery": runtime().webhooks.send(Event(open_id=open_id, **rest))})


@blueprint.get("/webhooks")
def list_webhooks() -> Response:
    """List the webhooks sent and their results; `?wait=SECONDS` waits for those in progress."""
    wait = min(request.args.get("wait", 0.0, type=float), LONGEST_WAIT)
    webhooks = runtime().webhooks
    return jsonify({"url": webhooks.url, "deliveries": webhooks.results(wait)})


@blueprint.get("/counters")
def counters() -> Response:
    """Return the counts of calls by outcome, of faults, and of dead refresh tokens seen."""
    here = runtime()
    dead = here.store.dead_refresh_tokens_seen()
    return jsonify(
        {
            **here.counters.as_json(),
            "spent_refresh_tokens_seen": dead["spent"],
            "dead_refresh_tokens_seen": dead,
        }
    )


@blueprint.get("/books")
def books() -> Response:
    """Return every consent by open_id, with its tokens as SHA-256."""
    return jsonify({"grants": runtime().store.summary()})


@blueprint.post("/forget")
def forget() -> Response:
    """Return to the state at start-up."""
    runtime().forget()
    return jsonify({"forgotten": True})


def error_response(message: str, status: int = 400) -> Response:
    """Return an error in the format of the control API."""
    response = jsonify({"error": message})
    response.status_code = status
    return response


def _body() -> dict[str, Any]:
    if not request.get_data():
        return {}
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ValueError("the body must be a JSON object")
    return dict(body)


def _person_name(body: Mapping[str, Any], key: str = "person") -> str:
    name = body.get(key)
    if not isinstance(name, str) or runtime().store.person(name) is None:
        raise ValueError(f"{key}: no person has the short name {name!r}")
    return name


def _open_id(body: Mapping[str, Any]) -> str:
    if "open_id" in body:
        return str(body["open_id"])
    return runtime().store.open_id(_person_name(body))


def _described(profile: dict[str, Any]) -> Person:
    """Return the person with this `name`, with the given fields of the profile."""
    name = profile.pop("name", None)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError("name must be 1 to 40 characters of a-z 0-9 _ . -")
    return with_changes(runtime().store.person(name) or Person(name, name.title()), profile)


def _scopes(default: str | None) -> frozenset[str]:
    return _parsed_scopes(_body().get("scopes", default))


def _parsed_scopes(given: object) -> frozenset[str]:
    text = ",".join(map(str, given)) if isinstance(given, list) else given
    if text == "":
        return frozenset()
    parsed = scopes.parse(text) if isinstance(text, str) else None
    if parsed is None:
        raise ValueError("scopes must be a list (or a comma-separated text) of known scopes")
    return frozenset(parsed)


def _change_consent(change: Callable[[str], bool]) -> Response:
    open_id = _open_id(_body())
    if not change(open_id):
        return error_response("this person has no active consent", 404)
    return jsonify({"open_id": open_id, **runtime().store.summary()[open_id]})


def _person_json(person: Person, connected: bool) -> Mapping[str, object]:
    open_id = runtime().store.open_id(person.name)
    profile = person.profile(open_id, union_id_of(person.name))
    listed = runtime().store.is_listed(person.name)
    return {"name": person.name, "connected": connected, "listed": listed, **profile}


def _update(group: Lifetimes | Behavior) -> Response:
    runtime().settings.update(group, _body())
    return jsonify(_as_json(group))


def _as_json(group: Lifetimes | Behavior | Latency) -> Mapping[str, object]:
    return {name: getattr(group, name) for name in type(group).__slots__}


def _is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK
