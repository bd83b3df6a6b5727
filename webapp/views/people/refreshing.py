"""Refreshes a person's access when they press, and says what came of it; shows no page itself."""

from webapp.language import N_
from webapp.language import gettext as _
from webapp.services import people
from webapp.services.connect.sessions import Visitor
from webapp.services.people import PersonGone
from webapp.services.refresh.on_demand import NotConnected, Pending, ReconnectRequired, fresh_access
from webapp.services.vault import CannotOpen
from webapp.views.http.house import house
from webapp.views.http.times import exact

_OUR_FAULT = N_(
    "We could not refresh access: something is wrong on our side. You need not do anything."
)
_NOT_NOW = N_(
    "TikTok did not refresh access just now. It still works until %(when)s. "
    "You need not do anything: we keep trying."
)
_NOT_NOW_OURS = N_(
    "We could not refresh access just now. It still works until %(when)s. "
    "You need not do anything: we keep trying."
)
_NOT_NOW_OVER = N_(
    "TikTok did not refresh access just now. It has run out for now. "
    "You need not do anything: we keep trying."
)
_NOT_NOW_OVER_OURS = N_(
    "We could not refresh access just now. It has run out for now. "
    "You need not do anything: we keep trying."
)


def refreshed(visitor: Visitor) -> tuple[str, str]:
    """Refresh, and return what to say about it and in which tone.

    Raises PersonGone, NoLongerAllowed.
    """
    try:
        access = fresh_access(house(), visitor.open_id, person=visitor.ref, pressed=True)
    except NotConnected:
        raise PersonGone from None
    except ReconnectRequired:
        return _("There is nothing to refresh. Please connect again first."), "warn"
    except CannotOpen:
        return _(_OUR_FAULT), "warn"
    except Pending as pending:
        return _not_refreshed(visitor, pending.cause), "warn"
    return _("Access is refreshed. It works until %(when)s.", when=exact(access.expires_at)), "ok"


def _not_refreshed(visitor: Visitor, cause: str) -> str:
    """Return who could not, until when access works all the same, and what happens next."""
    if cause == "cannot_open":
        return _(_OUR_FAULT)
    ends = people.get(visitor.ref).access_expires_at
    # "refreshing": nobody asked TikTok just now, so it is not to blame.
    ours = cause == "refreshing"
    if ends is not None and ends > house().clock():
        return _(_NOT_NOW_OURS if ours else _NOT_NOW, when=exact(ends))
    return _(_NOT_NOW_OVER_OURS if ours else _NOT_NOW_OVER)
