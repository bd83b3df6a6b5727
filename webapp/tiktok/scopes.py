"""What is said of one scope; the texts are marked for translation where they stand.

The scopes that TikTok gives to few apps, in plain words like the rest of the catalogue.

Every scope of TikTok's in plain words: what it opens, why, what it does not; asks nobody.

The words are read by people who connect, so none says scope, token or API. "Why" is what the
service says by default. All are marked for translation; services.scopes hands them out in the
reader's language.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from webapp.language import N_, Text
from webapp.language import deferred_gettext as _


@dataclass(frozen=True, slots=True)
class Scope:
    """One thing that a person can allow."""

    id: str
    #: What it opens, as the person would say it.
    label: str
    why: str
    #: What it does not open; may be empty.
    limits: str
    #: What it costs to leave it off, in a sentence; empty: the page says so in general.
    without: str = ""
    #: What an operator should know before asking for it; usually empty.
    remark: str = ""


_PORTABILITY = (
    Scope(
        "portability.all.single",
        N_("One copy of everything TikTok holds about you"),
        N_("To bring it over once."),
        N_("It ends after one copy."),
    ),
    Scope(
        "portability.all.ongoing",
        N_("A regular copy of everything TikTok holds about you"),
        N_("To keep your copy here up to date."),
        "",
    ),
    Scope(
        "portability.activity.single",
        N_("One copy of your activity: likes, follows, searches"),
        N_("To bring it over once."),
        N_("Without your messages and posts. It ends after one copy."),
    ),
    Scope(
        "portability.activity.ongoing",
        N_("A regular copy of your activity: likes, follows, searches"),
        N_("To keep your copy here up to date."),
        N_("Without your messages and posts."),
    ),
    Scope(
        "portability.directmessages.single",
        N_("One copy of your direct messages"),
        N_("To bring it over once."),
        N_("Without your posts and activity. It ends after one copy."),
    ),
    Scope(
        "portability.directmessages.ongoing",
        N_("A regular copy of your direct messages"),
        N_("To keep your copy here up to date."),
        N_("Without your posts and activity."),
    ),
    Scope(
        "portability.postsandprofile.single",
        N_("One copy of your posts and profile"),
        N_("To bring it over once."),
        N_("Without your messages and activity. It ends after one copy."),
    ),
    Scope(
        "portability.postsandprofile.ongoing",
        N_("A regular copy of your posts and profile"),
        N_("To keep your copy here up to date."),
        N_("Without your messages and activity."),
    ),
)
_RESEARCH = (
    Scope(
        "research.data.basic",
        N_("Public videos, comments and accounts, for research"),
        N_("For a study that TikTok has approved."),
        N_("Public content only."),
    ),
    Scope(
        "research.adlib.basic",
        N_("TikTok's public library of advertisements"),
        N_("For a study of advertising."),
        N_("Nothing about your own account."),
    ),
    Scope(
        "research.data.u18eu",
        N_("Public content of people under 18 in Europe, for research"),
        N_("For a study that TikTok has approved."),
        N_("Public content only."),
    ),
)
_LOCAL = (
    Scope(
        "local.product.manage",
        N_("Manage the products of your local business"),
        N_("So that you can keep your offers up to date from here."),
        N_("We cannot see your payments."),
    ),
    Scope(
        "local.shop.manage",
        N_("Manage the shops of your local business"),
        N_("So that you can keep addresses and hours current from here."),
        N_("We cannot see your payments."),
    ),
    Scope(
        "local.voucher.manage",
        N_("Manage and redeem vouchers of your local business"),
        N_("So that your staff can redeem vouchers from here."),
        N_("We cannot see your customers' accounts."),
    ),
)
_ARTIST = (
    Scope(
        "artist.certification.read",
        N_("See whether you are certified as an artist"),
        N_("To show your artist status."),
        N_("We cannot change it."),
    ),
    Scope(
        "artist.certification.update",
        N_("Apply for or change your artist certification"),
        N_("So that you can ask for certification from here."),
        N_("TikTok decides, not we."),
    ),
)
_SEEN_IN_CODE = N_("stands in TikTok's code, but on no page of its documentation")
_MESSAGES = (
    Scope(
        "message.list.read",
        N_("Read your direct messages"),
        N_("So that you can read them here."),
        N_("We cannot answer for you."),
        remark=_SEEN_IN_CODE,
    ),
    Scope(
        "message.list.send",
        N_("Send direct messages as you"),
        N_("So that you can answer from here."),
        N_("Only when you press Send here."),
        remark=_SEEN_IN_CODE,
    ),
    Scope(
        "message.list.manage",
        N_("Sort and delete your direct messages"),
        N_("So that you can tidy them up from here."),
        N_("Only when you ask for it here."),
        remark=_SEEN_IN_CODE,
    ),
)
_BUSINESS = Scope(
    "business.basic",
    N_("Your business account's basic details"),
    N_("To recognise your business account."),
    "",
    remark=N_("is listed by one guide and on no page of TikTok's; TikTok will probably refuse it"),
)

SPECIAL = (*_PORTABILITY, *_RESEARCH, *_LOCAL, *_ARTIST, *_MESSAGES, _BUSINESS)

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
