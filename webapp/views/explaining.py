"""Tells operators why a connection is as it is, and what came of what they pressed; does nothing.

Every sentence says who can do something about it, and what.
"""

from datetime import datetime

from webapp.services.disconnect import NOTHING_HELD, Outcome
from webapp.services.dossier import Dossier
from webapp.services.probing import REFUSED, Tested
from webapp.views.present import display_name, plural
from webapp.views.timeline import said
from webapp.views.times import clock_time, exact

PERSON = "Only the person can mend this: send them the reconnect link."
_OVER = "It is disconnected. Only the person can connect again: send them the reconnect link."
_REVOKING = "It is disconnected here, and TikTok is told so until it confirms, for a day at most."
CANNOT_OPEN = (
    "The stored tokens cannot be opened with the TOKEN_KEYS of this server. "
    "Put the former key back: flask doctor says which."
)
_HELD = {
    "config": "it does not accept this app",
    "transient": "most refreshes failed lately",
    "key": "most stored tokens could not be opened",
}
_WHY = {
    "scheduled": "at a random moment between 50 and 75 % of the life of the access",
    "idle": "nobody uses it, so it is only kept alive",
    "due": "its time has come: the worker takes it next",
    "refreshing": "being refreshed now; whoever does it has until then",
    "revoking": "TikTok is told again that it is over",
    "person": "only the person can mend it",
    "over": "it is disconnected",
}


def why_next(dossier: Dossier) -> str:
    """Return why the next refresh is when it is, or why there is none."""
    if dossier.next.why == "back_off":
        return f"back-off after {plural(dossier.user.failures, 'failure')}"
    if dossier.next.why == "breaker":
        return _held(dossier)
    return _WHY.get(dossier.next.why) or _foreign(dossier) or ""


def hindrances(dossier: Dossier) -> dict[str, str | None]:
    """Return why each button cannot be used; None where it can."""
    ended = _ended(dossier)
    held = _held(dossier) if dossier.held_until else None
    return {
        "refresh": _foreign(dossier) or ended or held,
        # A token that still works can be tested while no refresh may go out.
        "test": _foreign(dossier) or ended or (held if dossier.access_over else None),
        "disconnect": _foreign(dossier) or (ended if ended in (_OVER, _REVOKING) else None),
    }


def refreshed(until: datetime) -> tuple[str, str]:
    """Return what to say after a refresh, and in which tone."""
    return f"Access is refreshed. It works until {exact(until)}.", "ok"


def not_refreshed(dossier: Dossier, cause: str) -> tuple[str, str]:
    """Return why a refresh did not work, from the row as it is since, and when it is tried again.

    `cause`: `access.Pending`'s.
    """
    if cause == "cannot_open":
        return CANNOT_OPEN, "warn"
    user, hindered = dossier.user, hindrances(dossier)["refresh"]
    if hindered is not None:
        why = hindered
    elif cause == "refreshing":
        why = "It is being refreshed elsewhere at this moment. Look again in a minute."
    else:
        log_id = f" (log {user.last_log_id})" if user.last_log_id else ""
        again = f" It is tried again at {clock_time(dossier.next.at)}." if dossier.next.at else ""
        why = f"It was not refreshed: {said(cause)}{log_id}.{again}"
    if dossier.access_over or user.access_expires_at is None:
        return f"{why} Access has run out for now.", "warn"
    return f"{why} Access still works until {exact(user.access_expires_at)}.", "warn"


def tested(found: Tested) -> tuple[str, str]:
    """Return what TikTok said to the access we hold, and in which tone."""
    log_id = f" (log {found.log_id})" if found.log_id else ""
    if not found.works:
        took = f"{said(found.code)}{log_id} after {found.ms} ms"
        return f"Access could not be shown to work: {took}. {_next_step(found)}", "warn"
    answer = f"TikTok answered in {found.ms} ms: this is {display_name(found.name)}, access works."
    if found.refreshed:
        answer = f"TikTok refused the stored access{log_id}, so it was refreshed. {answer}"
    return answer, "ok"


def disconnected(outcome: Outcome) -> tuple[str, str]:
    """Return which half of a disconnect worked, and in which tone."""
    if outcome.code == NOTHING_HELD:
        return "Disconnected. There was no token left to revoke, so TikTok was not asked.", "ok"
    if outcome.confirmed:
        return "Disconnected. TikTok confirmed it.", "ok"
    why = f"{said(outcome.code)}{f' (log {outcome.log_id})' if outcome.log_id else ''}"
    if outcome.forgotten:
        here = "Disconnected here: the access we held is deleted. TikTok did not confirm its half"
        return f"{here}: {why}. The person can remove it in the TikTok app.", "warn"
    return f"Disconnected here, but {why}. It is told again for 24 hours.", "warn"


def _next_step(found: Tested) -> str:
    if found.code == REFUSED and found.refreshed:
        return "The refreshed access was refused as well: the person may have to reconnect."
    if found.code == REFUSED:
        return "Refreshing did not work either: the timeline says why."
    return "Nothing was changed; try again in a while."


def _foreign(dossier: Dossier) -> str | None:
    if dossier.foreign is None:
        return None
    cause = f"{dossier.foreign.name}: {dossier.foreign.cause}"
    return f"Nothing is sent to TikTok from here. {cause}. flask doctor says what to do."


def _ended(dossier: Dossier) -> str | None:
    if dossier.next.why == "over":
        return _OVER
    if dossier.health == "revoking":
        return _REVOKING
    return None if dossier.alive else PERSON


def _held(dossier: Dossier) -> str:
    until = clock_time(dossier.held_until) if dossier.held_until else "then"
    why = _HELD.get(dossier.held_reason or "", "it does not answer")
    code = f" ({dossier.held_code})" if dossier.held_code else ""
    return f"TikTok is held back until {until}: {why}{code}."
