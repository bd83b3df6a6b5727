"""Pages as they look on a usual day, where the scenes of the tests hold what nobody should have."""

from dataclasses import replace
from datetime import timedelta

from tests.views import one, own_scenes, records
from tests.views.bare_app import NOW
from tests.views.scenes import ENDED, OPERATOR, ROWS, SIGNED_IN, Page, Scene, _account, _tokens, row
from webapp.services.operators.list_query import Query
from webapp.services.records.history import TimelineEvent
from webapp.views.operators.audit_sentences import title
from webapp.views.operators.audit_texts import NamedActor, ShownEvent
from webapp.views.operators.list_address import ListRequest
from webapp.views.people.activity_texts import lines

#: Days ago, what happened, who did it, what is told of it.
_LIFE = (
    (0.01, "refreshed", "worker", {}),
    (0.1, "handed_out", "service:Example Studio", {"service": "Example Studio"}),
    (0.4, "account.exported", "person", {}),
    (1, "refreshed", "worker", {}),
    (3, "failed", "worker", {"code": "server_error"}),
    (9, "refreshed", "person", {}),
    (
        16,
        "connection.connected",
        "person",
        {"kind": "returned", "scopes": "user.info.basic,video.list"},
    ),
    (40, "connection.connected", "person", {"kind": "new", "scopes": "user.info.basic,video.list"}),
)
LIFE = [
    TimelineEvent(
        NOW - timedelta(days=ago), what, who, code=str(fields.get("code", "")), fields=fields
    )
    for ago, what, who, fields in _LIFE
]
LINES = lines(LIFE, own_scenes.TICKET)
MARA = NamedActor("Mara Lindqvist", "-000Jq74ETHj4fhvb6QG", "operator ")
WORKER = NamedActor("the worker")
AIKO = NamedActor("Aiko Tanaka", "-000Kx81LbTq2wZr9Pd")
_EVENTS = (
    (2, MARA, "connection.tested", AIKO, "works yes · ms 180"),
    (25, WORKER, "connection.reconnect_required", AIKO, "reason refused · code invalid_grant"),
    (190, MARA, "key.issued", None, "key 0123456789ab · name studio-prod"),
    (1500, MARA, "connections.exported", None, "format csv · rows 31"),
)
EVENTS = [
    ShownEvent(
        NOW - timedelta(minutes=ago),
        *(who, what, on, more, "192.0.2.7" if who is MARA else "", ""),
        text=title(what),
    )
    for ago, who, what, on, more in _EVENTS
]
#: As in the tests, but with letters that every machine can draw.
LOST = row("Aiko Tanaka", "reconnect", last_error="invalid_grant", reason="refused", **ENDED)
SHOWN = [LOST if each.state == "reconnect" else each for each in ROWS[:-1]]
KEYS = [records.KEYS[0], replace(records.KEYS[1], name="reports")]
EVERYDAY: dict[str, Scene] = {
    "tokens": Scene(
        "operators/tokens.html", _tokens(Page(SHOWN, None, None), total=1244), OPERATOR
    ),
    "audit": Scene("operators/audit.html", records._audit(EVENTS, older="17-3"), OPERATOR),
    "keys": Scene("operators/keys.html", records._keys(KEYS), OPERATOR),
    "key-issued": Scene(
        "operators/key_issued.html", records._issued(key="cck_" + "•" * 40), OPERATOR
    ),
    "account": Scene("account/show.html", _account("fresh", recent=LINES[:4]), SIGNED_IN),
    "activity": Scene("account/activity.html", own_scenes._activity(lines=LINES), SIGNED_IN),
    "connection": Scene(
        "operators/connection.html",
        one._page(replace(one.WELL, timeline=LIFE[:2] + LIFE[3:])),
        OPERATOR,
    ),
    "connection-failing": Scene(
        "operators/connection.html",
        one._page(replace(one.STATES["failing"], timeline=LIFE[4:])),
        OPERATOR,
    ),
    "tokens-none": Scene(
        "operators/tokens.html",
        _tokens(Page([], None, None), ListRequest(Query(search="Nobody"))),
        OPERATOR,
    ),
}
