"""Tells operators why a connection is as it is, and what came of what they pressed; does nothing.

Every sentence says who can do something about it, and what.


Puts what happened to a connection into words, a line each; reads no row and decides nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.language import N_, ngettext
from webapp.language import gettext as _
from webapp.services.connect.disconnect import CONNECTED_AGAIN, NOTHING_HELD, Outcome
from webapp.services.connect.user_info import REFUSED, AccessTest
from webapp.services.operators.connection import ConnectionDetails
from webapp.services.records.history import TimelineEvent
from webapp.views.http.ending_texts import ending
from webapp.views.http.template_filters import clock_time, display_name, exact

_PERSON = N_("Only the person can fix this: send them the reconnect link.")
_OVER = N_("Disconnected. Only the person can reconnect: send them the reconnect link.")
_REVOKING = N_("Disconnected here. We keep notifying TikTok until it confirms, for up to a day.")
_CANNOT_OPEN = N_(
    "The stored tokens can't be decrypted with this server's TOKEN_KEYS. Put the "
    "former key back; flask doctor says which one."
)
_HELD = {
    "config": N_("TikTok doesn't accept this app"),
    "transient": N_("most recent refreshes failed"),
    "key": N_("most stored tokens couldn't be decrypted"),
}
_NEXT = {
    "scheduled": N_("at a random time between 50%% and 75%% of the token's lifetime"),
    "idle": N_("no service uses it, so it's only kept alive"),
    "due": N_("due now: the worker takes it next"),
    "refreshing": N_("being refreshed now, until then at the latest"),
    "revoking": N_("the next attempt to notify TikTok"),
    "person": N_("only the person can fix it"),
    "over": N_("disconnected"),
}


def person_needed() -> str:
    """Return that only the person can fix it."""
    return _(_PERSON)


def cannot_open() -> str:
    """Return that what is stored cannot be opened, and what opens it."""
    return _(_CANNOT_OPEN)


def why_next(dossier: ConnectionDetails) -> str:
    """Return why the next refresh is when it is, or why there is none."""
    if dossier.next.why == "back_off":
        return ngettext(
            "backoff after %(num)s failure",
            "backoff after %(num)s failures",
            dossier.user.failures,
        )
    if dossier.next.why == "breaker":
        return _held(dossier)
    return _(_NEXT.get(dossier.next.why, "")) or _foreign(dossier) or ""


def obstacles(dossier: ConnectionDetails) -> dict[str, str | None]:
    """Return why each button cannot be used; None where it can."""
    ended = _ended(dossier)
    held = _held(dossier) if dossier.held_until else None
    return {
        "refresh": _foreign(dossier) or ended or held,
        # A token that still works can be tested while no refresh may go out.
        "test": _foreign(dossier) or ended or (held if dossier.access_over else None),
        "disconnect": _foreign(dossier) or (ended if _is_over(dossier) else None),
    }


def refreshed_text(until: datetime) -> tuple[str, str]:
    """Return what to say after a refresh, and in which tone."""
    return _("Access was refreshed. It works until %(when)s.", when=exact(until)), "ok"


def not_refreshed_text(dossier: ConnectionDetails, cause: str) -> tuple[str, str]:
    """Return why a refresh did not work, from the row as it is since, and when it is tried again.

    `cause`: `access.Pending`'s.
    """
    if cause == "cannot_open":
        return cannot_open(), "warn"
    user, hindered = dossier.user, obstacles(dossier)["refresh"]
    if hindered is not None:
        why = hindered
    elif cause == "refreshing":
        why = _("It's being refreshed elsewhere right now. Check again in a minute.")
    else:
        why = _(
            "It wasn't refreshed: %(cause)s.", cause=_logged(code_text(cause), user.last_log_id)
        )
        if dossier.next.at:
            why += " " + _("Next attempt at %(time)s.", time=clock_time(dossier.next.at))
    if dossier.access_over or user.access_expires_at is None:
        return f"{why} {_('Access has expired for now.')}", "warn"
    works = _("Access still works until %(when)s.", when=exact(user.access_expires_at))
    return f"{why} {works}", "warn"


def test_text(found: AccessTest) -> tuple[str, str]:
    """Return what TikTok said to the access we hold, and in which tone."""
    if not found.works:
        told = _(
            "The test failed: %(cause)s after %(ms)s ms.",
            cause=_logged(code_text(found.code), found.log_id),
            ms=found.ms,
        )
        return f"{told} {_next_step(found)}", "warn"
    answer = _(
        "TikTok answered in %(ms)s ms: this is %(name)s. Access works.",
        ms=found.ms,
        name=display_name(found.name),
    )
    if found.refreshed:
        stored = _logged(_("TikTok refused the stored access"), found.log_id)
        answer = _("%(what)s, so it was refreshed.", what=stored) + f" {answer}"
    return answer, "ok"


def disconnected_text(outcome: Outcome) -> tuple[str, str]:
    """Return which half of a disconnect worked, and in which tone."""
    if outcome.code == NOTHING_HELD:
        told = _("Disconnected. There was no token left to revoke, so TikTok wasn't contacted.")
        return told, "ok"
    if outcome.code == CONNECTED_AGAIN:
        told = _("The person reconnected in the meantime, so the connection still exists.")
        return told, "warn"
    if outcome.confirmed:
        return _("Disconnected. TikTok confirmed it."), "ok"
    why = _logged(code_text(outcome.code), outcome.log_id)
    if outcome.forgotten:
        told = _(
            "Disconnected here: our tokens are deleted. TikTok didn't confirm the "
            "disconnection: %(why)s. The person can remove us in the TikTok app.",
            why=why,
        )
        return told, "warn"
    told = _("Disconnected here, but %(why)s. We'll keep notifying TikTok for 24 hours.", why=why)
    return told, "warn"


def _logged(what: str, log_id: str | None) -> str:
    """Return what happened with the number under which TikTok's support finds it."""
    return _("%(what)s (log %(log_id)s)", what=what, log_id=log_id) if log_id else what


def _next_step(found: AccessTest) -> str:
    if found.code == REFUSED and found.refreshed:
        return _("The refreshed access was refused too: the person may have to reconnect.")
    if found.code == REFUSED:
        return _("Refreshing didn't work either: the timeline says why.")
    return _("Nothing was changed. Try again later.")


def _foreign(dossier: ConnectionDetails) -> str | None:
    if dossier.foreign is None:
        return None
    return _(
        "Nothing is sent to TikTok from here. %(name)s: %(cause)s. Run flask doctor to "
        "see the fix.",
        name=dossier.foreign.name,
        cause=dossier.foreign.cause,
    )


def _is_over(dossier: ConnectionDetails) -> bool:
    return dossier.next.why == "over" or dossier.health == "revoking"


def _ended(dossier: ConnectionDetails) -> str | None:
    if dossier.next.why == "over":
        return _(_OVER)
    if dossier.health == "revoking":
        return _(_REVOKING)
    return None if dossier.alive else _(_PERSON)


def _held(dossier: ConnectionDetails) -> str:
    why = _(_HELD.get(dossier.held_reason or "", N_("TikTok isn't responding")))
    if dossier.held_code:
        why = _("%(cause)s (%(code)s)", cause=why, code=dossier.held_code)
    if dossier.held_until is None:
        return _("Refreshes are paused: %(why)s.", why=why)
    until = clock_time(dossier.held_until)
    return _("Refreshes are paused until %(until)s: %(why)s.", until=until, why=why)


_ACTORS = {
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
    "timeout": N_("TikTok didn't respond in time"),
    "no_connection": N_("TikTok couldn't be reached"),
    "connection_lost": N_("the connection to TikTok was lost"),
    "answer_cut_short": N_("TikTok's answer was cut short"),
    "answer_unusable": N_("TikTok's answer couldn't be read"),
    "answer_too_big": N_("TikTok's answer was too large"),
    "config": N_("TikTok doesn't accept this app"),
    "cannot_open": N_("the stored tokens can't be decrypted with this server's TOKEN_KEYS"),
}

#: By the word of a happening: whether it is bad, and its words. Those that need more are below.
_EVENTS = {
    "refreshed": (False, N_("Refreshed by %(by)s")),
    "failed": (True, N_("Refresh by %(by)s failed: %(cause)s")),
    "needs_user": (True, N_("Reconnect needed: %(cause)s")),
    "handed_out": (False, N_("Token given to %(service)s")),
    "connection.deauthorized": (True, N_("Ended at TikTok because %(cause)s (reason %(reason)s)")),
    "connection.disconnect_ordered": (False, N_("Disconnect requested by %(by)s")),
    "connection.tested": (False, N_("Tested by %(by)s: access works")),
    "account.exported": (False, N_("Data downloaded by %(by)s")),
    "account.signed_out_one": (False, N_("One device signed out by %(by)s")),
    "account.signed_out_others": (False, N_("All other devices signed out by %(by)s")),
    "account.signed_out_everywhere": (False, N_("All devices signed out by %(by)s")),
    "operator.added": (False, N_("Made an operator by %(by)s")),
    "operator.removed": (False, N_("Operator access removed by %(by)s")),
}


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One thing that happened, ready for the page."""

    #: Something that an operator should look at.
    bad: bool
    text: str
    at: datetime
    ms: int | None
    log_id: str


def timeline_lines(happenings: Sequence[TimelineEvent], asked: int) -> list[TimelineLine]:
    """Return the lines of these happenings; `asked`: the permissions last asked for."""
    latest = next((each for each in happenings if each.word == "connection.connected"), None)
    return [_timeline_line(each, asked if each is latest else 0) for each in happenings]


def code_text(code: str) -> str:
    """Return what came instead of a yes: TikTok's code, or what was in the way of its answer."""
    if code in _NO_ANSWER:
        return _(_NO_ANSWER[code])
    return _("TikTok answered %(code)s", code=code) if code else _("TikTok refused")


def actor_text(word: str) -> str:
    """Return an actor of the history in words: "the worker", "operator ct_2222-2222"."""
    kind, _colon, name = word.partition(":")
    return _(_NAMED[kind], name=name) if name else _(_ACTORS[kind])


def _timeline_line(happening: TimelineEvent, asked: int) -> TimelineLine:
    bad, text = _words(happening, asked)
    return TimelineLine(bad, text, happening.at, happening.ms, happening.log_id)


def _words(it: TimelineEvent, asked: int) -> tuple[bool, str]:
    if it.word == "connection.connected":
        return False, _connected(str(it.fields["kind"]), str(it.fields["scopes"]), asked)
    if it.word == "connection.revoked":
        return False, _revoked(it)
    by = actor_text(it.who)
    if it.word == "connection.tested" and not it.fields["works"]:
        return True, _("Tested by %(by)s: %(cause)s", by=by, cause=code_text(it.code))
    if it.word == "connection.not_made":
        return False, _("Went to TikTok but didn't connect: %(cause)s", cause=it.fields["cause"])
    if it.word not in _EVENTS:
        return False, _("%(event)s by %(by)s", event=it.word, by=by)
    bad, words = _EVENTS[it.word]
    reason = str(it.fields.get("reason") or "")
    service = it.who.removeprefix("service:")
    number = reason.removeprefix("removed_")
    return bad, _(words, by=by, service=service, cause=_cause(it, reason), reason=number)


def _cause(it: TimelineEvent, reason: str) -> str:
    if it.word == "connection.deauthorized" and reason == "removed_1":
        return _("the person removed the app in TikTok")
    return code_text(it.code) if it.code or not reason else ending(reason).because


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
            "Reconnected with %(num)s permission",
            "Reconnected with %(num)s permissions",
            granted,
        )
    return ngettext(
        "Reconnected with %(granted)s of %(num)s permission",
        "Reconnected with %(granted)s of %(num)s permissions",
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
    by = actor_text(it.who)
    if it.code == NOTHING_HELD:
        return _("Disconnected by %(by)s; TikTok wasn't contacted because no token was left", by=by)
    if it.fields.get("confirmed"):
        return _("Disconnected by %(by)s, TikTok confirmed", by=by)
    if not it.code:
        return _("Disconnected by %(by)s, TikTok didn't confirm", by=by)
    return _(
        "Disconnected by %(by)s, TikTok didn't confirm: %(cause)s", by=by, cause=code_text(it.code)
    )
