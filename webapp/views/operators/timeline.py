"""Puts what happened to a connection into words, a line each; reads no row and decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.language import N_, ngettext
from webapp.language import gettext as _
from webapp.services.connect.disconnect import NOTHING_HELD
from webapp.services.records.history import TimelineEvent
from webapp.views.http.endings import ending

_WHO = {
    "operator": N_("an operator"),
    "service": N_("a service"),
    "worker": N_("the worker"),
    "person": N_("the person"),
    "command": N_("a command"),
    "tiktok": N_("TikTok"),
    "system": N_("the app"),
}
#: Those of whom the history knows the name.
_NAMED = {"operator": N_("operator %(name)s"), "service": N_("service %(name)s")}
#: Codes of ours, where nothing that TikTok said could be read.
_NO_ANSWER = {
    "timeout": N_("TikTok did not answer in time"),
    "no_connection": N_("TikTok could not be reached"),
    "connection_lost": N_("the connection to TikTok was lost"),
    "answer_cut_short": N_("TikTok's answer broke off"),
    "answer_unusable": N_("TikTok's answer could not be read"),
    "answer_too_big": N_("TikTok's answer was too big"),
    "config": N_("TikTok does not accept this app"),
    "cannot_open": N_("the stored tokens cannot be opened with the TOKEN_KEYS of this server"),
}

#: By the word of a happening: whether it is bad, and its words. Those that need more are below.
_PLAIN = {
    "refreshed": (False, N_("Refreshed by %(by)s")),
    "failed": (True, N_("Refresh by %(by)s failed: %(cause)s")),
    "needs_user": (True, N_("Only the person can mend it: %(cause)s")),
    "handed_out": (False, N_("Handed to %(service)s")),
    "connection.deauthorized": (True, N_("Ended at TikTok because %(cause)s (reason %(reason)s)")),
    "connection.disconnect_ordered": (False, N_("Disconnect ordered by %(by)s")),
    "connection.tested": (False, N_("Tested by %(by)s: access works")),
    "account.exported": (False, N_("Data downloaded by %(by)s")),
    "account.signed_out_one": (False, N_("One browser signed out by %(by)s")),
    "account.signed_out_others": (False, N_("All other browsers signed out by %(by)s")),
    "account.signed_out_everywhere": (False, N_("All browsers signed out by %(by)s")),
    "operator.added": (False, N_("Made an operator by %(by)s")),
    "operator.removed": (False, N_("No operator any more, by %(by)s")),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, ready for the page."""

    #: Something that an operator should look at.
    bad: bool
    text: str
    at: datetime
    ms: int | None
    log_id: str


def lines(happenings: Sequence[TimelineEvent], asked: int) -> list[Line]:
    """Return the lines of these happenings; `asked`: the permissions last asked for."""
    latest = next((each for each in happenings if each.word == "connection.connected"), None)
    return [_line(each, asked if each is latest else 0) for each in happenings]


def said(code: str) -> str:
    """Return what came instead of a yes: TikTok's code, or what was in the way of its answer."""
    if code in _NO_ANSWER:
        return _(_NO_ANSWER[code])
    return _("TikTok answered %(code)s", code=code) if code else _("TikTok said no")


def who(word: str) -> str:
    """Return an actor of the history in words: "the worker", "operator ct_2222-2222"."""
    kind, _colon, name = word.partition(":")
    return _(_NAMED[kind], name=name) if name else _(_WHO[kind])


def _line(happening: TimelineEvent, asked: int) -> Line:
    bad, text = _words(happening, asked)
    return Line(bad, text, happening.at, happening.ms, happening.log_id)


def _words(it: TimelineEvent, asked: int) -> tuple[bool, str]:
    if it.word == "connection.connected":
        return False, _connected(str(it.fields["kind"]), str(it.fields["scopes"]), asked)
    if it.word == "connection.revoked":
        return False, _revoked(it)
    by = who(it.who)
    if it.word == "connection.tested" and not it.fields["works"]:
        return True, _("Tested by %(by)s: %(cause)s", by=by, cause=said(it.code))
    if it.word == "connection.not_made":
        return False, _("Left for TikTok, connected nothing: %(cause)s", cause=it.fields["cause"])
    if it.word not in _PLAIN:
        return False, _("%(event)s by %(by)s", event=it.word, by=by)
    bad, words = _PLAIN[it.word]
    reason = str(it.fields.get("reason") or "")
    service = it.who.removeprefix("service:")
    number = reason.removeprefix("removed_")
    return bad, _(words, by=by, service=service, cause=_cause(it, reason), reason=number)


def _cause(it: TimelineEvent, reason: str) -> str:
    if it.word == "connection.deauthorized" and reason == "removed_1":
        return _("the person removed the app in TikTok")
    return said(it.code) if it.code or not reason else ending(reason).because


def _connected(kind: str, scopes: str, asked: int) -> str:
    granted = len([scope for scope in scopes.split(",") if scope])
    if kind == "again":
        return _connected_again(granted, asked)
    if kind == "returned":
        return _signed_in(granted, asked)
    if not asked:
        return ngettext(
            "Connected with %(num)s permission", "Connected with %(num)s permissions", granted
        )
    return ngettext(
        "Connected with %(granted)s of %(num)s permission",
        "Connected with %(granted)s of %(num)s permissions",
        asked,
        granted=granted,
    )


def _connected_again(granted: int, asked: int) -> str:
    if not asked:
        return ngettext(
            "Connected again with %(num)s permission",
            "Connected again with %(num)s permissions",
            granted,
        )
    return ngettext(
        "Connected again with %(granted)s of %(num)s permission",
        "Connected again with %(granted)s of %(num)s permissions",
        asked,
        granted=granted,
    )


def _signed_in(granted: int, asked: int) -> str:
    if not asked:
        return ngettext(
            "Signed in again with %(num)s permission",
            "Signed in again with %(num)s permissions",
            granted,
        )
    return ngettext(
        "Signed in again with %(granted)s of %(num)s permission",
        "Signed in again with %(granted)s of %(num)s permissions",
        asked,
        granted=granted,
    )


def _revoked(it: TimelineEvent) -> str:
    by = who(it.who)
    if it.code == NOTHING_HELD:
        return _("Disconnected by %(by)s; TikTok was not asked, for no token was left", by=by)
    if it.fields.get("confirmed"):
        return _("Disconnected by %(by)s, TikTok confirmed", by=by)
    if not it.code:
        return _("Disconnected by %(by)s, TikTok did not confirm", by=by)
    return _(
        "Disconnected by %(by)s, TikTok did not confirm: %(cause)s", by=by, cause=said(it.code)
    )
