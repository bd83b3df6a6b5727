"""Texts for a connection's page: its state, its timeline and the results of its buttons.

Every text about a problem says who can fix it, and how.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp.language import N_, ngettext
from webapp.language import gettext as _
from webapp.services.connect.disconnect import CONNECTED_AGAIN, NOTHING_HELD, Outcome
from webapp.services.connect.user_info import REFUSED, AccessTest
from webapp.services.operators.connection import ConnectionDetails
from webapp.services.records.history import TimelineEvent
from webapp.views.http.ending_texts import ending
from webapp.views.http.template_filters import display_name, exact, time_or_day

PERSON_NEEDED = N_("Only the person can fix this: send them the reconnect link.")
_OVER = N_("Disconnected. Only the person can reconnect: send them the reconnect link.")
_REVOKING = N_("Disconnected here. We keep notifying TikTok until it confirms, for up to a day.")
CANNOT_OPEN = N_(
    "The stored tokens can't be decrypted with this server's TOKEN_KEYS. Restore the "
    "previous key; flask doctor says which one."
)
#: By the reason why the breaker is open.
_PAUSED = {
    "config": N_("TikTok doesn't accept this app"),
    "transient": N_("most recent refreshes failed"),
    "key": N_("most stored tokens couldn't be decrypted"),
}
#: By the reason for the time of the next refresh.
_NEXT = {
    "scheduled": N_("at a random time between 50%% and 75%% of the token's lifetime"),
    "idle": N_("no service uses it, so it's only kept alive"),
    "due": N_("due now: the worker takes it next"),
    "refreshing": N_("being refreshed now, until then at the latest"),
    "revoking": N_("next attempt to notify TikTok"),
    "person": N_("only the person can fix it"),
    "over": N_("disconnected"),
}
_ACTORS = {
    "operator": N_("an operator"),
    "service": N_("a service"),
    "worker": N_("the worker"),
    "person": N_("the person"),
    "command": N_("a command"),
    "tiktok": N_("TikTok"),
    "system": N_("the app"),
}
#: Actors whose name the history has.
_NAMED = {
    "operator": N_("operator %(name)s"),
    "service": N_("service %(name)s"),
    "worker": N_("the worker, for %(name)s"),
}
#: Our own codes, for when there was no usable response from TikTok.
NO_ANSWER = {
    "timeout": N_("TikTok didn't respond in time"),
    "no_connection": N_("TikTok couldn't be reached"),
    "connection_lost": N_("the connection to TikTok was lost"),
    "answer_cut_short": N_("TikTok's response was cut short"),
    "answer_unusable": N_("TikTok's response couldn't be read"),
    "answer_too_big": N_("TikTok's response was too large"),
    "config": N_("TikTok doesn't accept this app"),
    "clock_in_doubt": N_("this server's clock may be wrong"),
    "cannot_open": N_("the stored tokens can't be decrypted with this server's TOKEN_KEYS"),
}

#: Event → whether it is bad, and its text. Events that need more are handled in `_event_text`.
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


def why_next(details: ConnectionDetails) -> str:
    """Return why the next refresh is when it is, or why there is none."""
    if details.next.why == "back_off":
        return ngettext(
            "backoff after %(num)s failure",
            "backoff after %(num)s failures",
            details.user.failures,
        )
    if details.next.why == "breaker":
        return _paused_text(details)
    return _(_NEXT.get(details.next.why, "")) or _foreign_text(details) or ""


def obstacles(details: ConnectionDetails) -> dict[str, str | None]:
    """Return, for each button, why it is disabled; None if it isn't."""
    ended = _ended_text(details)
    paused = _paused_text(details) if details.held_until else None
    is_over = details.next.why == "over" or details.health == "revoking"
    return {
        "refresh": _foreign_text(details) or ended or paused,
        # A token that is still valid can be tested while refreshes are paused.
        "test": _foreign_text(details) or ended or (paused if details.access_over else None),
        "disconnect": _foreign_text(details) or (ended if is_over else None),
    }


def refreshed_text(until: datetime) -> tuple[str, str]:
    """Return the message after a refresh, and its kind."""
    return _("Access was refreshed. It works until %(when)s.", when=exact(until)), "ok"


def not_refreshed_text(
    details: ConnectionDetails, cause: str, *, asked: bool = True
) -> tuple[str, str]:
    """Return why a refresh didn't work and when it is retried, as a message and its kind.

    `details` are those after the attempt; `cause` and `asked` are those of `on_demand.Pending`.
    """
    if cause == "cannot_open":
        return _(CANNOT_OPEN), "warn"
    user, obstacle = details.user, obstacles(details)["refresh"]
    if obstacle is not None:
        why = obstacle
    elif cause == "refreshing" or (not asked and details.next.why == "refreshing"):
        why = _("It's being refreshed elsewhere right now. Check again in a minute.")
    else:
        why = _(
            "It wasn't refreshed: %(cause)s.", cause=_logged(code_text(cause), user.last_log_id)
        )
        why = f"{why} {_next_attempt(details)}".rstrip()
    if details.access_over or user.access_expires_at is None:
        return why + " " + _("Access has temporarily expired."), "warn"
    works = _("Access still works until %(when)s.", when=exact(user.access_expires_at))
    return f"{why} {works}", "warn"


def not_tested_text(details: ConnectionDetails, cause: str) -> tuple[str, str]:
    """Return why TikTok was not asked whose the access token is, as a message and its kind."""
    obstacle = obstacles(details)["test"]
    if cause == "cannot_open":
        why = _(CANNOT_OPEN)
    elif obstacle is not None:
        why = obstacle
    elif details.next.why == "refreshing":
        why = _("It's being refreshed elsewhere right now. Check again in a minute.")
    else:
        why = f"{_last_failure(details, cause)} {_next_attempt(details)}".rstrip()
    return not_tested(why), "warn"


def not_tested(why: str) -> str:
    """Return the message for a test that did not ask TikTok."""
    return _("Not tested: TikTok wasn't asked. %(why)s", why=why)


def _last_failure(details: ConnectionDetails, cause: str) -> str:
    failed = next((each for each in details.timeline if each.word == "failed"), None)
    what = _logged(code_text(cause), details.user.last_log_id)
    if failed is not None:
        what += f", {time_or_day(failed.at, details.at)}"
    return _(
        "Access has expired and the last refresh failed: %(cause)s. “Refresh now” tries again.",
        cause=what,
    )


def _next_attempt(details: ConnectionDetails) -> str:
    at = details.next.at
    return _("Next attempt: %(time)s.", time=time_or_day(at, details.at)) if at else ""


def test_text(found: AccessTest) -> tuple[str, str]:
    """Return the message for the result of a test, and its kind."""
    if not found.works:
        message = _(
            "The test failed: %(cause)s after %(ms)s ms.",
            cause=_logged(code_text(found.code), found.log_id),
            ms=found.ms,
        )
        return f"{message} {_next_step(found)}", "warn"
    answer = _(
        "TikTok responded in %(ms)s ms: this is %(name)s. Access works.",
        ms=found.ms,
        name=display_name(found.name),
    )
    if found.refreshed:
        stored = _logged(_("TikTok refused the stored access"), found.log_id)
        answer = _("%(what)s, so it was refreshed.", what=stored) + f" {answer}"
    return answer, "ok"


def disconnected_text(outcome: Outcome) -> tuple[str, str]:
    """Return the message after disconnecting, and its kind."""
    if outcome.code == NOTHING_HELD:
        message = _("Disconnected. There was no token left to revoke, so TikTok wasn't contacted.")
        return message, "ok"
    if outcome.code == CONNECTED_AGAIN:
        message = _("The person reconnected in the meantime, so the connection still exists.")
        return message, "warn"
    if outcome.confirmed:
        return _("Disconnected. TikTok confirmed it."), "ok"
    why = _logged(code_text(outcome.code), outcome.log_id)
    if outcome.forgotten:
        message = _(
            "Disconnected here: our tokens are deleted. TikTok didn't confirm the "
            "disconnection: %(why)s. The person can remove our access in the TikTok app.",
            why=why,
        )
        return message, "warn"
    message = _(
        "Disconnected here, but %(why)s. We'll keep notifying TikTok for 24 hours.", why=why
    )
    return message, "warn"


def _logged(what: str, log_id: str | None) -> str:
    """Return `what` with the log ID that TikTok's support asks for."""
    return _("%(what)s (log %(log_id)s)", what=what, log_id=log_id) if log_id else what


def _next_step(found: AccessTest) -> str:
    if found.code != REFUSED:
        return _("Nothing was changed. Try again later.")
    if found.refreshed:
        return _("The refreshed access was refused too: the person may have to reconnect.")
    return _("Refreshing didn't work either: the timeline says why.")


def _foreign_text(details: ConnectionDetails) -> str | None:
    if details.foreign is None:
        return None
    return _(
        "Nothing is sent to TikTok from here. %(name)s: %(cause)s. Run flask doctor to "
        "see the fix.",
        name=details.foreign.name,
        cause=details.foreign.cause,
    )


def _ended_text(details: ConnectionDetails) -> str | None:
    if details.next.why == "over":
        return _(_OVER)
    if details.health == "revoking":
        return _(_REVOKING)
    return None if details.alive else _(PERSON_NEEDED)


def _paused_text(details: ConnectionDetails) -> str:
    why = _(_PAUSED.get(details.held_reason or "", N_("TikTok isn't responding")))
    if details.held_code:
        why = _("%(cause)s (%(code)s)", cause=why, code=details.held_code)
    if details.held_until is None:
        return _("Refreshes are paused: %(why)s.", why=why)
    until = time_or_day(details.held_until, details.at)
    return _("Refreshes are paused until %(until)s: %(why)s.", until=until, why=why)


@dataclass(frozen=True, slots=True)
class TimelineLine:
    """One event, ready for the page."""

    #: An operator should look at it.
    bad: bool
    text: str
    at: datetime
    ms: int | None
    log_id: str
    #: The bulk job that did it; empty if none did.
    job: str = ""


def job_of(event: TimelineEvent) -> str:
    """Return the ID of the bulk job that did something to a connection; empty if none did."""
    kind, _colon, name = event.who.partition(":")
    return name if kind == "worker" else ""


def timeline_lines(
    events: Sequence[TimelineEvent], asked: int, jobs: Mapping[str, str] | None = None
) -> list[TimelineLine]:
    """Return the lines of these events; `asked` is the number of permissions last requested.

    `jobs`: the name of the operator who ordered a bulk job, by its ID, for those that still exist.
    """
    latest = next((each for each in events if each.word == "connection.connected"), None)
    jobs = jobs or {}
    return [_timeline_line(each, asked if each is latest else 0, jobs) for each in events]


def _timeline_line(event: TimelineEvent, asked: int, jobs: Mapping[str, str]) -> TimelineLine:
    bad, text = _event_text(event, asked, jobs)
    job = job_of(event) if job_of(event) in jobs else ""
    return TimelineLine(bad, text, event.at, event.ms, event.log_id, job)


def code_text(code: str) -> str:
    """Return what an error code means: TikTok's code, or why there was no usable response."""
    if code in NO_ANSWER:
        return _(NO_ANSWER[code])
    return _("TikTok responded with %(code)s", code=code) if code else _("TikTok refused")


def actor_text(word: str, jobs: Mapping[str, str] | None = None) -> str:
    """Return the name of an actor in the history: "the worker", "operator ct_2222-2222"."""
    kind, _colon, name = word.partition(":")
    if kind == "worker":
        name = (jobs or {}).get(name, "")
    return _(_NAMED[kind], name=name) if name else _(_ACTORS[kind])


def _event_text(event: TimelineEvent, asked: int, jobs: Mapping[str, str]) -> tuple[bool, str]:
    if event.word == "connection.connected":
        return False, _connected(str(event.fields["kind"]), str(event.fields["scopes"]), asked)
    if event.word == "connection.revoked":
        return False, _revoked(event, jobs)
    by = actor_text(event.who, jobs)
    if event.word == "connection.tested" and not event.fields["works"]:
        return True, _("Tested by %(by)s: %(cause)s", by=by, cause=code_text(event.code))
    if event.word == "connection.not_made":
        return False, _("Went to TikTok but didn't connect: %(cause)s", cause=event.fields["cause"])
    if event.word not in _EVENTS:
        return False, _("%(event)s by %(by)s", event=event.word, by=by)
    bad, text = _EVENTS[event.word]
    reason = str(event.fields.get("reason") or "")
    service = event.who.removeprefix("service:")
    number = reason.removeprefix("removed_")
    return bad, _(text, by=by, service=service, cause=_cause(event, reason), reason=number)


def _cause(event: TimelineEvent, reason: str) -> str:
    if event.word == "connection.deauthorized" and reason == "removed_1":
        return _("the person removed the app in TikTok")
    return code_text(event.code) if event.code or not reason else ending(reason).because


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
            "Reconnected with %(num)s permission", "Reconnected with %(num)s permissions", granted
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


def _revoked(event: TimelineEvent, jobs: Mapping[str, str]) -> str:
    by = actor_text(event.who, jobs)
    if event.code == NOTHING_HELD:
        return _("Disconnected by %(by)s; TikTok wasn't contacted because no token was left", by=by)
    if event.fields.get("confirmed"):
        return _("Disconnected by %(by)s, TikTok confirmed", by=by)
    if not event.code:
        return _("Disconnected by %(by)s, TikTok didn't confirm", by=by)
    cause = code_text(event.code)
    return _("Disconnected by %(by)s, TikTok didn't confirm: %(cause)s", by=by, cause=cause)
