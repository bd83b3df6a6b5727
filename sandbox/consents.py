"""The levers on people, their consents and their notices; never TikTok's API."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request

from sandbox import scopes
from sandbox.people import Person, edited, union_id_of
from sandbox.registration import LOOPBACK
from sandbox.runtime import desk
from sandbox.webhooks import Notice
from sandbox.wishes import open_id_wished, person_named, problem, scopes_wished, wished

blueprint = Blueprint("consents", __name__)

NAME = re.compile(r"[a-z0-9_.\-]{1,40}")
DISCONNECTED_IN_TIKTOK = 1
LONGEST_WAIT = 30.0  # seconds
LARGEST_CROWD = 100_000


@blueprint.get("/people")
def list_people() -> Response:
    """List everybody and who is connected."""
    rows = desk().books.people()
    return jsonify({"people": [_person_shown(person, grant is not None) for person, grant in rows]})


@blueprint.post("/people")
def add_person() -> Response:
    """Add a person, or change the one of that name."""
    wish, books = wished(), desk().books
    name = wish.pop("name", None)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError("name must be 1 to 40 of a-z 0-9 _ . -")
    person = edited(books.person(name) or Person(name, name.title()), wish)
    books.add_person(person)
    return jsonify(_person_shown(person, False))


@blueprint.post("/grants")
def grant() -> Response:
    """Let a person consent without the dance; returns the whole token answer."""
    name, granted = person_named(wished()), scopes_wished(scopes.BASIC)
    return jsonify(desk().books.open_grant(name, granted))


@blueprint.post("/crowd")
def crowd() -> Response:
    """Let many made-up people (p00000, p00001 …) consent at once; returns their token answers."""
    count, granted = wished().get("count"), scopes_wished(scopes.BASIC)
    if type(count) is not int or not 0 < count <= LARGEST_CROWD:
        raise ValueError(f"count must be a whole number, 1 to {LARGEST_CROWD}")
    books = desk().books
    for name in (names := [f"p{number:05}" for number in range(count)]):
        books.add_person(books.person(name) or Person(name, name.title()))
    return jsonify({"grants": [books.open_grant(name, granted) for name in names]})


@blueprint.post("/narrow")
def narrow() -> Response:
    """Change the scopes of a live consent, as a person can do in TikTok."""
    granted = scopes_wished(None)
    return _acted(lambda open_id: desk().books.narrow(open_id, granted))


@blueprint.post("/expire")
def expire() -> Response:
    """Let the access token (and, if asked, the refresh token) of a person be over now."""
    wish = wished()
    access, refresh = wish.get("access", True) is True, wish.get("refresh", False) is True
    return _acted(lambda open_id: desk().books.expire(open_id, access=access, refresh=refresh))


@blueprint.post("/deauthorize")
def deauthorize() -> Response:
    """Remove a person's consent and send the signed webhook."""
    wish, here = wished(), desk()
    reason = wish.get("reason", DISCONNECTED_IN_TIKTOK)
    if type(reason) is not int:
        raise ValueError("reason must be a whole number")
    open_id = open_id_wished(wish)
    had = here.books.end(open_id, "deauthorized")
    notice = Notice("authorization.removed", open_id, {"reason": reason})
    return jsonify({"open_id": open_id, "had_consent": had, "delivery": here.webhooks.send(notice)})


@blueprint.post("/webhook")
def webhook_url() -> Response:
    """Set where notices go (loopback only), or null for nowhere."""
    url = wished().get("url")
    if url is not None and (not isinstance(url, str) or not _is_loopback(url)):
        raise ValueError("url must be null or an http(s) URL on 127.0.0.1 or localhost")
    desk().webhooks.url = url
    return jsonify({"url": url})


@blueprint.post("/webhook/send")
def send_webhook() -> Response:
    """Send any notice, also an old one, a foreign one or one with a broken signature."""
    wish = wished()
    open_id = open_id_wished(wish)
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


def _acted(act: Callable[[str], bool]) -> Response:
    open_id = open_id_wished(wished())
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
