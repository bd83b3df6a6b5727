"""Puts what happened to a connection into words, a line each; reads no row and decides nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.services.chronicle import Happening
from webapp.services.disconnect import NOTHING_HELD
from webapp.views.endings import ENDINGS
from webapp.views.present import plural

#: What came of it, for the colour; a line without one is no verdict.
GOOD, BAD = "ok", "bad"
_WHO = {
    "operator": "an operator",
    "service": "a service",
    "worker": "the worker",
    "person": "the person",
    "command": "a command",
    "tiktok": "TikTok",
    "system": "the app",
}
#: Codes of ours, where nothing that TikTok said could be read.
_NO_ANSWER = {
    "timeout": "TikTok did not answer in time",
    "no_connection": "TikTok could not be reached",
    "connection_lost": "the connection to TikTok was lost",
    "answer_cut_short": "TikTok's answer broke off",
    "answer_unusable": "TikTok's answer could not be read",
    "answer_too_big": "TikTok's answer was too big",
    "config": "TikTok does not accept this app",
    "cannot_open": "the stored tokens cannot be opened with the TOKEN_KEYS of this server",
}

#: By the word of a happening: its kind and its words. Those that need more are below.
_PLAIN = {
    "refreshed": (GOOD, "Refreshed by {by}"),
    "failed": (BAD, "Refresh by {by} failed: {cause}"),
    "needs_user": (BAD, "Only the person can mend it: {cause}"),
    "handed_out": ("", "Handed to {service}"),
    "connection.connected": (GOOD, ""),
    "connection.deauthorized": (BAD, "Ended at TikTok because {cause}"),
    "connection.disconnect_ordered": ("", "Disconnect ordered by {by}"),
    "connection.revoked": ("", ""),
    "connection.tested": (GOOD, "Tested by {by}: access works"),
    "operator.added": ("", "Made an operator by {by}"),
    "operator.removed": ("", "No operator any more, by {by}"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, ready for the page."""

    #: ok, bad or empty.
    kind: str
    text: str
    at: datetime
    ms: int | None
    log_id: str


def lines(happenings: Sequence[Happening], asked: int) -> list[Line]:
    """Return the lines of these happenings; `asked`: the permissions last asked for."""
    latest = next((each for each in happenings if each.word == "connection.connected"), None)
    return [_line(each, asked if each is latest else 0) for each in happenings]


def said(code: str) -> str:
    """Return what came instead of a yes: TikTok's code, or what was in the way of its answer."""
    return _NO_ANSWER.get(code) or (f"TikTok answered {code}" if code else "TikTok said no")


def who(word: str) -> str:
    """Return an actor of the history in words: "the worker", "operator ct_2222-2222"."""
    kind, _, name = word.partition(":")
    if name:
        return f"{kind} {name}"
    return _WHO[kind]


def _line(happening: Happening, asked: int) -> Line:
    kind, text = _words(happening, asked)
    return Line(kind, text, happening.at, happening.ms, happening.log_id)


def _words(it: Happening, asked: int) -> tuple[str, str]:
    kind, words = _PLAIN.get(it.word, ("", f"{it.word} by {{by}}"))
    if it.word == "connection.connected":
        return kind, _connected(str(it.fields["kind"]), str(it.fields["scopes"]), asked)
    if it.word == "connection.revoked":
        return kind, _revoked(it)
    if it.word == "connection.tested" and not it.fields["works"]:
        return BAD, f"Tested by {who(it.who)}: {said(it.code)}"
    service = it.who.removeprefix("service:")
    cause = _reason(it) if it.word == "connection.deauthorized" else _cause(it)
    return kind, words.format(by=who(it.who), service=service, cause=cause)


def _cause(it: Happening) -> str:
    reason = it.fields.get("reason")
    if it.code or not reason:
        return said(it.code)
    return ENDINGS[str(reason)].because


def _reason(it: Happening) -> str:
    """Return what TikTok's notice said, with its number."""
    reason = str(it.fields["reason"])
    because = "the person removed the app in TikTok"
    if reason != "removed_1":
        because = ENDINGS[reason].because
    return f"{because} (reason {reason.removeprefix('removed_')})"


def _connected(kind: str, scopes: str, asked: int) -> str:
    granted = len([scope for scope in scopes.split(",") if scope])
    begun = {"new": "Connected", "again": "Connected again", "returned": "Signed in again"}
    of = f"{granted} of {plural(asked, 'permission')}" if asked else plural(granted, "permission")
    return f"{begun.get(kind, 'Connected')} with {of}"


def _revoked(it: Happening) -> str:
    by = who(it.who)
    if it.code == NOTHING_HELD:
        return f"Disconnected by {by}; TikTok was not asked, for no token was left"
    if it.fields.get("confirmed"):
        return f"Disconnected by {by}, TikTok confirmed"
    told = f": {said(it.code)}" if it.code else ""
    return f"Disconnected by {by}, TikTok did not confirm{told}"
