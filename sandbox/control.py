"""The levers for tests and demos under /control/ (README.md here lists them); never TikTok's API.

Only callers on this machine get here, and only with JSON, which no foreign web page can send
without asking first.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request

from sandbox import scopes
from sandbox.desk import desk
from sandbox.faults import ENDPOINTS, read
from sandbox.knobs import Latency, Lifetimes, Manners
from sandbox.people import Person, edited, union_id_of
from sandbox.registration import LOOPBACK
from sandbox.webhooks import Notice

blueprint = Blueprint("control", __name__, url_prefix="/control")

NAME = re.compile(r"[a-z0-9_.\-]{1,40}")
DISCONNECTED_IN_TIKTOK = 1
LONGEST_WAIT = 30.0  # seconds
Wish = dict[str, Any]


def problem(words: str, status: int = 400) -> Response:
    """Return a refusal in words."""
    response = jsonify({"error": words})
    response.status_code = status
    return response


@blueprint.errorhandler(ValueError)
def _refused(error: ValueError) -> Response:
    return problem(str(error))


@blueprint.before_request
def _json_only() -> Response | None:
    if request.method == "POST" and request.path != "/control/trap" and not request.is_json:
        return problem("send JSON with Content-Type: application/json", 415)
    return None


@blueprint.get("/faults")
def list_faults() -> Response:
    """List the faults that are not used up."""
    return jsonify({"faults": desk().faults.standing()})


@blueprint.post("/faults")
def order_fault() -> Response:
    """Order a fault."""
    fault = read(_wish())
    desk().faults.order(fault)
    return jsonify(fault.as_json())


@blueprint.delete("/faults")
def clear_faults() -> Response:
    """Call every fault off."""
    desk().faults.clear()
    return jsonify({"faults": []})


@blueprint.route("/trap", methods=["GET", "POST", "PUT", "DELETE"])
def trap() -> Response:
    """Catch whoever follows the redirect fault."""
    desk().counters.trapped(
        request.method,
        body=bool(request.get_data()),
        authorization="Authorization" in request.headers,
    )
    return jsonify({"trapped": True})


@blueprint.post("/lifetimes")
def lifetimes() -> Response:
    """Set the lives, in seconds, of what is handed out from now on."""
    return _turn(desk().knobs.lifetimes)


@blueprint.post("/settings")
def settings() -> Response:
    """Set manners."""
    wish = _wish()
    if wish.get("auto_auth") is not None:
        _person_named(wish)
    return _turn(desk().knobs.manners)


@blueprint.post("/latency")
def latency() -> Response:
    """Let calls wait; replaces the latency before."""
    wish, fresh = _wish(), Latency()
    if wish.get("endpoint") not in (None, *ENDPOINTS):
        raise ValueError(f"unknown endpoint; known: {', '.join(ENDPOINTS)}")
    knobs = desk().knobs
    knobs.turn(fresh, wish)
    knobs.latency = fresh
    return jsonify(_shown(fresh))


@blueprint.get("/people")
def list_people() -> Response:
    """List everybody and who is connected."""
    rows = desk().books.people()
    return jsonify({"people": [_person_shown(person, grant is not None) for person, grant in rows]})


@blueprint.post("/people")
def add_person() -> Response:
    """Add a person, or change the one of that name."""
    wish, books = _wish(), desk().books
    name = wish.pop("name", None)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError("name must be 1 to 40 of a-z 0-9 _ . -")
    person = edited(books.person(name) or Person(name, name.title()), wish)
    books.add_person(person)
    return jsonify(_person_shown(person, False))


@blueprint.post("/grants")
def grant() -> Response:
    """Let a person consent without the dance; returns the whole token answer."""
    name, granted = _person_named(_wish(), "person"), _scopes_wished(scopes.BASIC)
    return jsonify(desk().books.open_grant(name, granted))


@blueprint.post("/narrow")
def narrow() -> Response:
    """Change the scopes of a live consent, as a person can do in TikTok."""
    granted = _scopes_wished(None)
    return _acted(lambda open_id: desk().books.narrow(open_id, granted))


@blueprint.post("/expire")
def expire() -> Response:
    """Let the access token (and, if asked, the refresh token) of a person be over now."""
    wish = _wish()
    access, refresh = wish.get("access", True) is True, wish.get("refresh", False) is True
    return _acted(lambda open_id: desk().books.expire(open_id, access=access, refresh=refresh))


@blueprint.post("/deauthorize")
def deauthorize() -> Response:
    """Remove a person's consent and send the signed webhook."""
    wish, here = _wish(), desk()
    reason = wish.get("reason", DISCONNECTED_IN_TIKTOK)
    if type(reason) is not int:
        raise ValueError("reason must be a whole number")
    open_id = _open_id(wish)
    had = here.books.end(open_id, "deauthorized")
    notice = Notice("authorization.removed", open_id, {"reason": reason})
    return jsonify({"open_id": open_id, "had_consent": had, "delivery": here.webhooks.send(notice)})


@blueprint.post("/webhook")
def webhook_url() -> Response:
    """Set where notices go (loopback only), or null for nowhere."""
    url = _wish().get("url")
    if url is not None and (not isinstance(url, str) or not _is_loopback(url)):
        raise ValueError("url must be null or an http(s) URL on 127.0.0.1 or localhost")
    desk().webhooks.url = url
    return jsonify({"url": url})


@blueprint.post("/webhook/send")
def send_webhook() -> Response:
    """Send any notice, also an old one, a foreign one or one with a broken signature."""
    wish = _wish()
    open_id = _open_id(wish)
    known = {"event", "content", "create_time", "timestamp", "client_key", "tamper"}
    rest = {key: value for key, value in wish.items() if key not in ("person", "open_id")}
    if set(rest) - known or not isinstance(rest.get("event"), str):
        raise ValueError(f"event is needed; known: person or open_id, {', '.join(sorted(known))}")
    return jsonify({"delivery": desk().webhooks.send(Notice(open_id=open_id, **rest))})


@blueprint.get("/webhooks")
def webhook_results() -> Response:
    """List what was sent and what came back; `?wait=SECONDS` waits for those under way."""
    wait = min(request.args.get("wait", 0.0, type=float), LONGEST_WAIT)
    webhooks = desk().webhooks
    return jsonify({"url": webhooks.url, "deliveries": webhooks.results(wait)})


@blueprint.get("/counters")
def counters() -> Response:
    """Tell what was called, how it ended and which dead refresh tokens were seen."""
    here = desk()
    dead = here.books.dead_seen()
    return jsonify(
        {
            **here.counters.as_json(),
            "spent_refresh_tokens_seen": dead["spent"],
            "dead_refresh_tokens_seen": dead,
        }
    )


@blueprint.get("/books")
def books() -> Response:
    """Tell what lives, by open_id, tokens as SHA-256."""
    return jsonify({"grants": desk().books.summary()})


@blueprint.post("/forget")
def forget() -> Response:
    """Forget everything: as at the start."""
    desk().forget()
    return jsonify({"forgotten": True})


def _wish() -> Wish:
    if not request.get_data():
        return {}
    wish = request.get_json(silent=True)
    if not isinstance(wish, dict):
        raise ValueError("the body must be a JSON object")
    return dict(wish)


def _turn(group: Lifetimes | Manners) -> Response:
    desk().knobs.turn(group, _wish())
    return jsonify(_shown(group))


def _shown(group: Lifetimes | Manners | Latency) -> Mapping[str, object]:
    return {name: getattr(group, name) for name in type(group).__slots__}


def _person_named(wish: Wish, key: str = "auto_auth") -> str:
    name = wish.get(key)
    if not isinstance(name, str) or desk().books.person(name) is None:
        raise ValueError(f"{key}: nobody here has the name {name!r}")
    return name


def _open_id(wish: Wish) -> str:
    if "open_id" in wish:
        return str(wish["open_id"])
    return desk().books.open_id(_person_named(wish, "person"))


def _scopes_wished(default: str | None) -> frozenset[str]:
    given = _wish().get("scopes", default)
    text = ",".join(map(str, given)) if isinstance(given, list) else given
    if text == "":
        return frozenset()
    parsed = scopes.parse(text) if isinstance(text, str) else None
    if parsed is None:
        raise ValueError("scopes must be a list (or comma list) of known scopes")
    return frozenset(parsed)


def _acted(act: Callable[[str], bool]) -> Response:
    open_id = _open_id(_wish())
    if not act(open_id):
        return problem("there is no live consent of that person", 404)
    return jsonify({"open_id": open_id, **desk().books.summary()[open_id]})


def _person_shown(person: Person, connected: bool) -> Mapping[str, object]:
    open_id = desk().books.open_id(person.name)
    profile = person.profile(open_id, union_id_of(person.name))
    return {"name": person.name, "connected": connected, **profile}


def _is_loopback(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and parts.hostname in LOOPBACK
