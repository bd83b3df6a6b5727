"""Tells operators why a connection is as it is, and what came of what they pressed; does nothing.

Every sentence says who can do something about it, and what.
"""

from datetime import datetime

from webapp.language import N_, ngettext
from webapp.language import gettext as _
from webapp.services.connect.disconnect import CONNECTED_AGAIN, NOTHING_HELD, Outcome
from webapp.services.connect.user_info import REFUSED, AccessTest
from webapp.services.operators.connection import ConnectionDetails
from webapp.views.http.present import display_name
from webapp.views.http.times import clock_time, exact
from webapp.views.operators.timeline import said

_PERSON = N_("Only the person can mend this: send them the reconnect link.")
_OVER = N_("It is disconnected. Only the person can connect again: send them the reconnect link.")
_REVOKING = N_(
    "It is disconnected here, and TikTok is told so until it confirms, for a day at most."
)
_CANNOT_OPEN = N_(
    "The stored tokens cannot be opened with the TOKEN_KEYS of this server. "
    "Put the former key back: flask doctor says which."
)
_HELD = {
    "config": N_("it does not accept this app"),
    "transient": N_("most refreshes failed lately"),
    "key": N_("most stored tokens could not be opened"),
}
_WHY = {
    "scheduled": N_("at a random moment between 50 and 75 %% of the life of the access"),
    "idle": N_("nobody uses it, so it is only kept alive"),
    "due": N_("its time has come: the worker takes it next"),
    "refreshing": N_("being refreshed now; whoever does it has until then"),
    "revoking": N_("TikTok is told again that it is over"),
    "person": N_("only the person can mend it"),
    "over": N_("it is disconnected"),
}


def person_needed() -> str:
    """Return that only the person can mend it."""
    return _(_PERSON)


def cannot_open() -> str:
    """Return that what is stored cannot be opened, and what opens it."""
    return _(_CANNOT_OPEN)


def why_next(dossier: ConnectionDetails) -> str:
    """Return why the next refresh is when it is, or why there is none."""
    if dossier.next.why == "back_off":
        return ngettext(
            "back-off after %(num)s failure",
            "back-off after %(num)s failures",
            dossier.user.failures,
        )
    if dossier.next.why == "breaker":
        return _held(dossier)
    return _(_WHY.get(dossier.next.why, "")) or _foreign(dossier) or ""


def hindrances(dossier: ConnectionDetails) -> dict[str, str | None]:
    """Return why each button cannot be used; None where it can."""
    ended = _ended(dossier)
    held = _held(dossier) if dossier.held_until else None
    return {
        "refresh": _foreign(dossier) or ended or held,
        # A token that still works can be tested while no refresh may go out.
        "test": _foreign(dossier) or ended or (held if dossier.access_over else None),
        "disconnect": _foreign(dossier) or (ended if _is_over(dossier) else None),
    }


def refreshed(until: datetime) -> tuple[str, str]:
    """Return what to say after a refresh, and in which tone."""
    return _("Access is refreshed. It works until %(when)s.", when=exact(until)), "ok"


def not_refreshed(dossier: ConnectionDetails, cause: str) -> tuple[str, str]:
    """Return why a refresh did not work, from the row as it is since, and when it is tried again.

    `cause`: `access.Pending`'s.
    """
    if cause == "cannot_open":
        return cannot_open(), "warn"
    user, hindered = dossier.user, hindrances(dossier)["refresh"]
    if hindered is not None:
        why = hindered
    elif cause == "refreshing":
        why = _("It is being refreshed elsewhere at this moment. Look again in a minute.")
    else:
        why = _("It was not refreshed: %(cause)s.", cause=_logged(said(cause), user.last_log_id))
        if dossier.next.at:
            why += " " + _("It is tried again at %(time)s.", time=clock_time(dossier.next.at))
    if dossier.access_over or user.access_expires_at is None:
        return f"{why} {_('Access has run out for now.')}", "warn"
    works = _("Access still works until %(when)s.", when=exact(user.access_expires_at))
    return f"{why} {works}", "warn"


def tested(found: AccessTest) -> tuple[str, str]:
    """Return what TikTok said to the access we hold, and in which tone."""
    if not found.works:
        told = _(
            "Access could not be shown to work: %(cause)s after %(ms)s ms.",
            cause=_logged(said(found.code), found.log_id),
            ms=found.ms,
        )
        return f"{told} {_next_step(found)}", "warn"
    answer = _(
        "TikTok answered in %(ms)s ms: this is %(name)s, access works.",
        ms=found.ms,
        name=display_name(found.name),
    )
    if found.refreshed:
        stored = _logged(_("TikTok refused the stored access"), found.log_id)
        answer = _("%(what)s, so it was refreshed.", what=stored) + f" {answer}"
    return answer, "ok"


def disconnected(outcome: Outcome) -> tuple[str, str]:
    """Return which half of a disconnect worked, and in which tone."""
    if outcome.code == NOTHING_HELD:
        told = _("Disconnected. There was no token left to revoke, so TikTok was not asked.")
        return told, "ok"
    if outcome.code == CONNECTED_AGAIN:
        told = _("The person connected again in the meantime, so the connection is still there.")
        return told, "warn"
    if outcome.confirmed:
        return _("Disconnected. TikTok confirmed it."), "ok"
    why = _logged(said(outcome.code), outcome.log_id)
    if outcome.forgotten:
        told = _(
            "Disconnected here: the access we held is deleted. TikTok did not confirm its half:"
            " %(why)s. The person can remove it in the TikTok app.",
            why=why,
        )
        return told, "warn"
    told = _("Disconnected here, but %(why)s. It is told again for 24 hours.", why=why)
    return told, "warn"


def _logged(what: str, log_id: str | None) -> str:
    """Return what happened with the number under which TikTok's support finds it."""
    return _("%(what)s (log %(log_id)s)", what=what, log_id=log_id) if log_id else what


def _next_step(found: AccessTest) -> str:
    if found.code == REFUSED and found.refreshed:
        return _("The refreshed access was refused as well: the person may have to reconnect.")
    if found.code == REFUSED:
        return _("Refreshing did not work either: the timeline says why.")
    return _("Nothing was changed; try again in a while.")


def _foreign(dossier: ConnectionDetails) -> str | None:
    if dossier.foreign is None:
        return None
    return _(
        "Nothing is sent to TikTok from here. %(name)s: %(cause)s. flask doctor says what to do.",
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
    why = _(_HELD.get(dossier.held_reason or "", N_("it does not answer")))
    if dossier.held_code:
        why = _("%(cause)s (%(code)s)", cause=why, code=dossier.held_code)
    if dossier.held_until is None:
        return _("TikTok is held back: %(why)s.", why=why)
    until = clock_time(dossier.held_until)
    return _("TikTok is held back until %(until)s: %(why)s.", until=until, why=why)
