"""What the pages of the audit and of the service keys may get, over made-up events and keys."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from webapp.language import gettext as _
from webapp.services.handout.service_keys import KeyRow
from webapp.services.records.audit import EVENTS
from webapp.views.operators import keys
from webapp.views.operators.audit import FILTERS
from webapp.views.operators.audit_filters import quick_dates
from webapp.views.operators.audit_sentences import title
from webapp.views.operators.audit_texts import NamedActor, ShownEvent

NOW = datetime(2026, 11, 22, 14, 5, 30, tzinfo=UTC)
EVENTS_SHOWN = [
    ShownEvent(
        NOW,
        NamedActor("Mara <b>Lindqvist</b>", "-000mara", is_operator=True),
        "key.issued",
        None,
        "key 0123456789ab · name studio-prod",
        "192.0.2.7",
        "0a1b2c3d4e5f",
        text=_("Issued the service key “%(name)s”", name="studio-prod"),
    ),
    ShownEvent(
        NOW - timedelta(days=1),
        NamedActor("the worker"),
        "connection.reconnect_required",
        NamedActor("Deleted person ct_GGNE-GGNE"),
        "code  · reason grant_over",
        "",
        "",
        text=_("Found that the person must reconnect"),
    ),
]
KEYS = [
    KeyRow("0123456789ab", "studio-prod", NOW - timedelta(days=40), NOW, None),
    KeyRow("ba9876543210", "rep<i>orts", NOW - timedelta(days=80), None, NOW),
]
NEVER_SHOWN = KeyRow("0a0a0a0a0a0a", "lost", NOW, None, None, shown=False)


def _audit(rows: list[ShownEvent], **facts: Any) -> dict[str, Any]:
    filters = facts.pop("filters", {})
    return {
        "rows": rows,
        "older": None,
        "newer": None,
        "looked_to": None,
        "ignored": [],
        "typed": dict.fromkeys(FILTERS, "") | filters,
        "filters": filters,
        "nobody": False,
        "backwards": False,
        "events": {event: title(event) for event in EVENTS},
        "matches": {},
        "unreadable": [],
        "quick": quick_dates(filters, NOW),
        "days": 400,
        "window": 10_000,
        **facts,
    }


def _keys(keys: list[KeyRow], problem: str | None = None, typed: str = "") -> dict[str, Any]:
    origin = "https://tickets.example"
    return {"keys": keys, "problem": problem, "typed": typed, "public_origin": origin}


def _issued(row: KeyRow = KEYS[0], **facts: Any) -> dict[str, Any]:
    origin = "https://connect.example"
    return {"row": row, "key": None, "waits": False, "minutes": 5, "public_origin": origin, **facts}


def _unreadable() -> dict[str, Any]:
    why = _("“%(filter)s” has no visible character. Type it again.", filter=_("Reference"))
    return _audit([], filters={"ref": "x"}, nobody=True, unreadable=[why])


_ISSUED = "operators/key_issued.html"
_PAGE, _LIST = "operators/audit.html", "operators/keys.html"
_FILTERS = {"who": "studio-prod", "what": "key.issued"}


def _wrong() -> dict[str, Any]:
    return _keys(KEYS, _(keys.BAD_NAME, longest=64), "x<y")


#: Name of the scene → its template and what that gets.
ALL: dict[str, tuple[str, dict[str, Any] | Callable[[], dict[str, Any]]]] = {
    "audit": (_PAGE, _audit(EVENTS_SHOWN, older="17-3", newer="19-9")),
    "audit-found": (
        _PAGE,
        _audit(EVENTS_SHOWN[:1], filters=_FILTERS, ignored=["foo"], looked_to=NOW, older="17-3"),
    ),
    "audit-looked": (_PAGE, _audit([], filters=_FILTERS, looked_to=NOW, older="17-3")),
    "audit-empty": (_PAGE, _audit([])),
    "audit-no-match": (_PAGE, _audit([], filters=_FILTERS)),
    "audit-nobody": (_PAGE, _audit([], filters={"on": "-000nobody"}, nobody=True)),
    "audit-unreadable": (_PAGE, _unreadable),
    "audit-backwards": (_PAGE, _audit([], filters=_FILTERS, backwards=True)),
    "keys": (_LIST, _keys([*KEYS, NEVER_SHOWN])),
    "keys-empty": (_LIST, _keys([])),
    "keys-wrong": (_LIST, _wrong),
    "key-issued": (_ISSUED, _issued(key="cck_made-up")),
    "key-issued-again": (_ISSUED, _issued()),
    "key-issued-waits": (_ISSUED, _issued(NEVER_SHOWN, waits=True)),
    "key-issued-never-shown": (_ISSUED, _issued(NEVER_SHOWN)),
    "key-issued-revoked": (_ISSUED, _issued(KEYS[1])),
    "sign-in-again": (
        "operators/sign_in_again.html",
        {
            "then": "keys?name=studio-prod",
            "scopes": ["user.info.basic"],
            "minutes": 10,
            "tiktok_host": "www.tiktok.com",
            "back": "/operators/keys?name=studio-prod",
        },
    ),
    "key-revoke": ("operators/key_revoke.html", {"key": KEYS[0]}),
}
