"""Texts that tell people why their connection ended."""

from typing import NamedTuple

from markupsafe import Markup

from webapp.language import N_, translated
from webapp.language import gettext as _


class Ending(NamedTuple):
    """Why access stopped, in several wordings."""

    #: Continues a sentence after "because".
    because: str
    #: A sentence with the gap %(when)s.
    stopped: str
    #: A sentence without the time, for the activity list.
    happened: str
    #: A second sentence, where that helps.
    more: str = ""

    def at(self, when: str) -> Markup:
        """Return the `stopped` sentence in the current language; `when` may be markup."""
        # `when` is escaped unless it is markup; the message comes from our code or catalog.
        return Markup(translated(self.stopped)) % {"when": when}  # noqa: S704


#: By `Reason`. No text blames the person, and none guesses.
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
        N_("This isn't your fault."),
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
#: Reconnecting may not help: TikTok must reopen the account first.
CLOSED = ("removed_2", "removed_3", "removed_4")


def ending(reason: str) -> Ending:
    """Return the texts for `reason` in the current language. Raises KeyError if there are none."""
    found = ENDINGS[reason]
    return found._replace(because=_(found.because), more=_(found.more))


def event_text(reason: str) -> str:
    """Return a sentence saying that access stopped; without a cause if `reason` is unknown."""
    found = ENDINGS.get(reason)
    return _(found.happened) if found else _("Access stopped working.")


def is_closed(reason: str | None) -> bool:
    """Return True if TikTok closed the account itself, not just this connection."""
    return reason in CLOSED
