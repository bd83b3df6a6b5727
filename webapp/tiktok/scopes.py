"""Every scope of TikTok's in plain words: what it opens, why, what it does not; asks nobody.

The words are read by people who connect, so none says scope, token or API. "Why" is what the
service says by default. All are marked for translation; services.scopes hands them out in the
reader's language.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType

from webapp.language import N_
from webapp.later import Text
from webapp.later import gettext as _
from webapp.tiktok.scope import Scope
from webapp.tiktok.special_scopes import SPECIAL

#: The one scope without which nobody can tell whose account it is (rule 5).
BASIC = "user.info.basic"


_USER = (
    Scope(
        BASIC,
        N_("Your name and picture"),
        N_("So that you and we can tell which account this is."),
        N_("We cannot see your e-mail address or phone number."),
    ),
    Scope(
        "user.info.profile",
        N_("Your profile page: @name, bio, link, verified mark"),
        N_("So that we can link to your profile."),
        N_("Only what everybody else sees too."),
        without=N_("There is no link to your profile."),
    ),
    Scope(
        "user.info.stats",
        N_("Your follower, following, like and video counts"),
        N_("To show them in your report."),
        N_("Public numbers only."),
        without=N_("Your report has no numbers."),
    ),
)
_VIDEO = (
    Scope(
        "video.list",
        N_("Your public videos"),
        N_("To list them with their view counts."),
        N_("We cannot see private videos, drafts or messages."),
        without=N_("Your videos and their view counts stay empty."),
    ),
    Scope(
        "video.upload",
        N_("Put videos into your TikTok inbox as drafts"),
        N_("So that you can finish and post them yourself."),
        N_("Nothing is posted without you."),
        without=N_("No draft reaches your TikTok inbox from here."),
    ),
    Scope(
        "video.publish",
        N_("Post videos to your profile"),
        N_("So that you can post from here."),
        N_("Only when you press Post here."),
        without=N_("You cannot post from here."),
    ),
)
CATALOGUE: Mapping[str, Scope] = MappingProxyType(
    {scope.id: scope for scope in (*_USER, *_VIDEO, *SPECIAL)}
)


def problems(asked: Iterable[str]) -> list[tuple[str, Text]]:
    """Return each unknown scope with the reason to refuse it at start-up (rule 6)."""
    return [(scope, _cause(scope)) for scope in asked if scope not in CATALOGUE]


def remarks(asked: Iterable[str]) -> list[tuple[str, str]]:
    """Return each scope that is known but doubtful, with the warning for the operator."""
    known = (CATALOGUE[scope] for scope in asked if scope in CATALOGUE)
    return [(scope.id, scope.remark) for scope in known if scope.remark]


def asked_for(required: Iterable[str], chosen: Iterable[str] = ()) -> tuple[str, ...]:
    """Return what to ask TikTok for: the basic scope first, each once (rules 4, 5)."""
    return tuple(dict.fromkeys((BASIC, *required, *chosen)))


def _cause(scope: str) -> Text:
    near = get_close_matches(scope, CATALOGUE, n=1)
    if near:
        return _("is no scope of TikTok's; %(near)s is", near=near[0])
    return _("is no scope of TikTok's")
