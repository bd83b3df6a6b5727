"""Why a connection ended, in words for people; blames nobody and never reads a row."""

from typing import NamedTuple

from markupsafe import Markup

from webapp.language import N_, translated
from webapp.language import gettext as _


class Ending(NamedTuple):
    """Why access stopped: after "because", as a sentence, and one more where that helps."""

    because: str
    #: With the time, for whoever must do something now.
    stopped: str
    #: Without it, for the list of what happened.
    happened: str
    more: str = ""

    def told(self, when: str) -> Markup:
        """Return that access stopped `when`, which may be a macro's answer, and why."""
        # What fills the gap is escaped; the message itself is the code's or the catalogue's own.
        return Markup(translated(self.stopped)) % {"when": when}  # noqa: S704


#: By `Reason`. Nothing here blames the person, and nothing guesses.
ENDINGS = {
    "refused": Ending(
        N_("TikTok refused to renew it"),
        N_("Access stopped working %(when)s because TikTok refused to renew it."),
        N_("Access stopped working because TikTok refused to renew it."),
        N_("TikTok didn't say why."),
    ),
    "interrupted": Ending(
        N_("a renewal was interrupted on our side"),
        N_("Access stopped working %(when)s because a renewal was interrupted on our side."),
        N_("Access stopped working because a renewal was interrupted on our side."),
        N_("You did nothing wrong."),
    ),
    "grant_over": Ending(
        N_("the connection reached TikTok's time limit"),
        N_("Access stopped working %(when)s because the connection reached TikTok's time limit."),
        N_("Access stopped working because the connection reached TikTok's time limit."),
        N_("Reconnecting starts a new period."),
    ),
    "removed_0": Ending(
        N_("TikTok ended it"),
        N_("Access stopped working %(when)s because TikTok ended it."),
        N_("Access stopped working because TikTok ended it."),
        N_("TikTok didn't say why."),
    ),
    "removed_1": Ending(
        N_("it was removed in the TikTok app"),
        N_("Access stopped working %(when)s because it was removed in the TikTok app."),
        N_("Access was removed in the TikTok app."),
    ),
    "removed_2": Ending(
        N_("the TikTok account was deleted"),
        N_("Access stopped working %(when)s because the TikTok account was deleted."),
        N_("Access stopped working because the TikTok account was deleted."),
    ),
    "removed_3": Ending(
        N_("of TikTok's age rules"),
        N_("Access stopped working %(when)s because of TikTok's age rules."),
        N_("Access stopped working because of TikTok's age rules."),
    ),
    "removed_4": Ending(
        N_("TikTok suspended the account"),
        N_("Access stopped working %(when)s because TikTok suspended the account."),
        N_("Access stopped working because TikTok suspended the account."),
    ),
    "removed_5": Ending(
        N_("this site disconnected it"),
        N_("Access stopped working %(when)s because this site disconnected it."),
        N_("Access stopped working because this site disconnected it."),
    ),
}
#: Signing in again may not help: TikTok must let the account in first.
CLOSED = ("removed_2", "removed_3", "removed_4")


def ending(reason: str) -> Ending:
    """Return why access stopped, in words. Raises KeyError if `reason` is none of `Reason`."""
    found = ENDINGS[reason]
    return found._replace(because=_(found.because), more=_(found.more))


def event_text(reason: str) -> str:
    """Return that access stopped, as one sentence; without the cause where `reason` is none."""
    found = ENDINGS.get(reason)
    return _(found.happened) if found else _("Access stopped working.")


def is_closed(reason: str | None) -> bool:
    """Say whether TikTok closed the account itself, and not this connection alone."""
    return reason in CLOSED
