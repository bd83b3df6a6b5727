"""The page of one connection in every state, over made-up rows; needs no database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from webapp.language import gettext as _
from webapp.models import Health, Status, User
from webapp.problems import Problem
from webapp.services.handout.uses import Use
from webapp.services.operators.connection import ConnectionDetails, NextStep
from webapp.services.operators.list_query import State
from webapp.services.records.figures import Bar
from webapp.services.records.history import TimelineEvent
from webapp.views.operators import connection_texts
from webapp.views.operators.health import connection_chart

NOW = datetime(2026, 11, 22, 14, 5, 30, tzinfo=UTC)
OPERATOR = "operator:ct_2222-0001"
HELD = _("does not contain the key %(key)s that encrypted the stored tokens", key="3f9c")


def _row(**columns: Any) -> User:
    usual: dict[str, Any] = {
        "open_id": "-000Jq74ETHj4fhvb6QG",
        "display_name": "Mara Lindqvist",
        "ticket": "ct_8f2k-91qd",
        "access_token": "sealed",
        "scope": "user.info.basic,video.list",
        "asked_scope": "user.info.basic,user.info.stats,video.list",
        "access_expires_at": NOW + timedelta(hours=1),
        "refresh_expires_at": NOW + timedelta(days=150),
        "refreshed_at": NOW - timedelta(hours=1),
        "connected_at": NOW - timedelta(days=40),
        "created_at": NOW - timedelta(days=90),
        "status": Status.ACTIVE,
        "version": 17,
        "refreshes": 222,
        "failures": 0,
    }
    return User(**usual | columns)


def _happening(hours: float, word: str, who: str, **more: Any) -> TimelineEvent:
    return TimelineEvent(NOW - timedelta(hours=hours), word, who, **more)


HAPPENINGS = [
    _happening(0, "connection.tested", OPERATOR, ms=180, fields={"works": True}),
    _happening(1, "connection.tested", OPERATOR, ms=9, code="timeout", fields={"works": False}),
    _happening(2, "refreshed", "worker", ms=214),
    _happening(3, "handed_out", "service:studio-prod"),
    _happening(4, "failed", "worker", ms=90, code="server_error", log_id="20261122140530ABC"),
    _happening(5, "failed", "command", code="cannot_open"),
    _happening(6, "needs_user", "worker", ms=80, code="invalid_grant", log_id="2026"),
    _happening(7, "needs_user", "worker", fields={"reason": "grant_over", "code": ""}),
    _happening(8, "connection.deauthorized", "tiktok", fields={"reason": "removed_1"}),
    _happening(9, "connection.deauthorized", "tiktok", fields={"reason": "removed_3"}),
    _happening(10, "connection.disconnect_ordered", OPERATOR),
    _happening(11, "connection.revoked", OPERATOR, fields={"confirmed": True}),
    _happening(12, "connection.revoked", "worker", code="x", fields={"confirmed": False}),
    _happening(13, "operator.added", "command"),
    _happening(14, "operator.removed", "command"),
    _happening(15, "connection.new_word", "system"),
    _happening(16, "connection.connected", "person", fields={"kind": "again", "scopes": "a,b"}),
    _happening(900, "connection.connected", "person", fields={"kind": "new", "scopes": "a"}),
]
WELL = ConnectionDetails(
    at=NOW,
    user=_row(),
    health=Health.FRESH,
    state=State.HEALTHY,
    reason=None,
    since=None,
    fingerprint="3f9ca01e",
    alive=True,
    access_over=False,
    next=NextStep("scheduled", NOW + timedelta(minutes=20)),
    foreign=None,
    held_until=None,
    held_reason=None,
    held_code=None,
    uses=[
        Use("studio-prod", NOW - timedelta(days=30), NOW - timedelta(minutes=30), revoked=False),
        Use("reports", NOW - timedelta(days=80), NOW - timedelta(days=60), revoked=True),
    ],
    timeline=HAPPENINGS,
)
_LOST = replace(
    WELL,
    user=_row(status=Status.RECONNECT, next_at=None, last_error="invalid_grant", last_log_id="20"),
    health=Health.RECONNECT,
    state=State.RECONNECT,
    reason="refused",
    since=NOW - timedelta(hours=2),
    alive=False,
    next=NextStep("person", None),
    uses=[],
)
STATES = {
    "well": WELL,
    "failing": replace(
        WELL,
        user=_row(status=Status.FAILING, failures=3, failing_since=NOW, last_error="server_error"),
        health=Health.FAILING,
        state=State.FAILING,
        next=NextStep("back_off", NOW + timedelta(minutes=2)),
    ),
    "held": replace(
        WELL,
        next=NextStep("breaker", NOW + timedelta(seconds=30)),
        held_until=NOW + timedelta(seconds=30),
        held_reason="config",
        held_code="invalid_client",
    ),
    "foreign": replace(
        WELL,
        next=NextStep("foreign", None),
        foreign=Problem(
            "TOKEN_KEYS",
            _(
                "does not contain the key %(key)s that encrypted the stored tokens",
                key="3f9c",
            ),
            _("add it again, after the new one: TOKEN_KEYS=new,old"),
        ),
    ),
    "lost": _LOST,
    "bare": replace(
        _LOST,
        user=_row(
            display_name=None,
            access_token=None,
            scope="",
            status=Status.REVOKED,
            operator_since=NOW,
            username="<b>\u202egnp.exe",
            refreshed_at=None,
        ),
        health=Health.REVOKED,
        state=State.REVOKED,
        reason=None,
        since=None,
        fingerprint=None,
        next=NextStep("over", None),
        timeline=[],
    ),
}


_LISTED = "?status=failing"
_DAYS = [Bar(NOW + timedelta(days=n - 29), 9 + n * 7 % 5, n % 11 // 9) for n in range(30)]


def _page(one: ConnectionDetails) -> dict[str, Any]:
    user = one.user
    return {
        "one": one,
        "person": user,
        "why_next": connection_texts.why_next(one),
        "cause": connection_texts.code_text(user.last_error or ""),
        "ending": user.grant_ending(NOW),
        "chart": connection_chart(_DAYS if one.alive else []),
        "obstacles": connection_texts.obstacles(one),
        "granted": sorted(user.granted),
        "missing": sorted(user.asked - user.granted),
        "lines": connection_texts.timeline_lines(one.timeline, len(user.asked)),
        "reconnect_url": "https://tickets.example/connect",
        "own": user.operator_since is not None,
        "listed": _LISTED,
    }


def _question(one: ConnectionDetails, **more: Any) -> dict[str, Any]:
    usual = {"person": one.user, "obstacle": None, "held": True, "services": [], "own": False}
    return usual | {"listed": _LISTED} | more


def _hindered() -> dict[str, Any]:
    return _question(WELL, obstacle=connection_texts.obstacles(STATES["foreign"])["disconnect"])


#: Name → template, and what makes its context, in the language that is spoken then.
PAGES: dict[str, tuple[str, Callable[[], dict[str, Any]]]] = {
    **{name: ("connection", partial(_page, one)) for name, one in STATES.items()},
    "leaving": (
        "connection_disconnect",
        partial(_question, WELL, services=["reports", "studio-prod"]),
    ),
    "leaving-bare": ("connection_disconnect", partial(_question, _LOST, held=False, own=True)),
    "leaving-foreign": ("connection_disconnect", _hindered),
}
