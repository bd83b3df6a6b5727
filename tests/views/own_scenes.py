"""What stands beside the ticket on people's pages: what happened, and where they are signed in."""

from datetime import UTC, datetime, timedelta
from typing import Any

from webapp.services.connect.sessions import Browser
from webapp.services.handout.uses import Use
from webapp.services.records.history import TimelineEvent
from webapp.views.people.activity_texts import lines

NOW = datetime(2026, 11, 22, 14, 5, 30, tzinfo=UTC)
TICKET = "ct_8f2k91qd"
_ALL = "user.info.basic,video.list,artist.new"
#: Every wording there is, by what happened and who did it.
HAPPENED: list[tuple[str, str, dict[str, Any]]] = [
    ("connection.connected", "person", {"kind": "new", "scopes": _ALL}),
    ("connection.connected", "person", {"kind": "again", "scopes": "user.info.basic"}),
    ("connection.connected", "person", {"kind": "returned", "scopes": ""}),
    ("connection.not_made", "person", {"cause": "denied", "code": "access_denied"}),
    ("connection.not_made", "person", {"cause": "tiktok_down", "code": ""}),
    ("refreshed", "person", {}),
    ("refreshed", "worker", {}),
    ("refreshed", "service:studio-prod", {}),
    ("refreshed", "operator:ct_2222-2222", {}),
    ("refreshed", f"operator:{TICKET}", {}),
    ("refreshed", "command", {}),
    ("failed", "person", {"code": "server_error"}),
    ("failed", "worker", {}),
    ("failed", "service:<b>bold</b>", {"code": "server_error"}),
    ("failed", "operator:ct_2222-2222", {"code": "server_error"}),
    ("needs_user", "worker", {"reason": "grant_over", "code": ""}),
    ("needs_user", "worker", {"reason": "refused", "code": "invalid_grant"}),
    ("connection.deauthorized", "tiktok", {"reason": "removed_1"}),
    ("connection.deauthorized", "tiktok", {"reason": "removed_9"}),
    ("handed_out", "service:studio-prod", {"service": "studio-prod"}),
    ("connection.disconnect_ordered", "person", {}),
    ("connection.disconnect_ordered", "operator:ct_2222-2222", {}),
    ("connection.revoked", "person", {"confirmed": True, "code": ""}),
    ("connection.revoked", "worker", {"confirmed": False, "code": "timeout"}),
    ("connection.revoked", "person", {"confirmed": True, "code": "nothing_held"}),
    ("connection.tested", "operator:ct_2222-2222", {"works": True, "ms": 9, "code": ""}),
    ("connection.tested", "operator:ct_2222-2222", {"works": False, "ms": 9, "code": "x"}),
    ("operator.added", "command", {}),
    ("operator.removed", "command", {}),
    ("account.exported", "person", {}),
    ("account.signed_out_one", "person", {}),
    ("account.signed_out_others", "person", {}),
    ("account.signed_out_everywhere", "person", {}),
    ("thing.nobody_knows", "system", {}),
]


def happening(number: int, word: str, who: str, fields: dict[str, Any]) -> TimelineEvent:
    """Return one thing that happened some hours ago, the later ones longer."""
    code = str(fields.get("code") or "")
    return TimelineEvent(NOW - timedelta(hours=3 + number), word, who, code=code, fields=fields)


LINES = lines([happening(n, *each) for n, each in enumerate(HAPPENED)], TICKET)
_SINCE = NOW - timedelta(days=4)
BROWSERS = [
    Browser("a" * 16, "Firefox", "Linux", _SINCE, NOW, True),
    Browser("b" * 16, "Safari", "iPhone", _SINCE, NOW - timedelta(hours=3), False),
    Browser("c" * 16, None, None, _SINCE, NOW - timedelta(days=2), False),
    Browser("d" * 16, None, "Android", _SINCE, NOW - timedelta(days=2), False),
]
#: What the account page gets beside the row.
BESIDE: dict[str, Any] = {
    "uses": [
        Use("Example Studio", NOW - timedelta(days=9), NOW - timedelta(hours=3), False),
        Use("Weekly report", NOW - timedelta(days=80), NOW - timedelta(days=12), True),
    ],
    "recent": LINES[:5],
    "browsers": BROWSERS,
}
_NOWHERE = {"first": "", "previous": "", "next": ""}
_BOTH = _NOWHERE | {"first": "/account/activity", "next": "/account/activity?before=3"}


def _activity(**facts: Any) -> dict[str, Any]:
    return {"lines": LINES, "links": _NOWHERE, "days": 90} | facts


#: Name of the scene → its template and what that gets.
PAGES: dict[str, tuple[str, dict[str, Any]]] = {
    "activity": ("account/activity.html", _activity()),
    "activity-further": ("account/activity.html", _activity(links=_BOTH)),
    "activity-empty": ("account/activity.html", _activity(lines=[], days=1)),
    "sessions": ("account/sessions.html", {"browsers": BROWSERS, "most": 50}),
    "sessions-many": ("account/sessions.html", {"browsers": BROWSERS, "most": len(BROWSERS)}),
    "sessions-one": ("account/sessions.html", {"browsers": BROWSERS[:1], "most": 50}),
}
