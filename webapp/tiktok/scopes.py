"""Every TikTok scope in plain words: what it allows, why we ask, and what it doesn't allow.

People who connect read these texts, so none of them says scope, token or API. All are marked for
translation; services.connect.scopes returns them in the reader's language.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

from webapp.language import N_, Text
from webapp.language import deferred_gettext as _

#: The one scope that is always needed: it says whose account this is (rule 5).
BASIC = "user.info.basic"


@dataclass(frozen=True, slots=True)
class Scope:
    """One thing that a person can allow."""

    id: str
    #: What it allows, in the person's words.
    label: str
    why: str
    #: What it does not allow; may be empty.
    limits: str
    #: What doesn't work without it, in one sentence; empty: the page says so in general terms.
    without: str = ""
    #: What an operator should know before requesting it; usually empty.
    remark: str = ""


_UNDOCUMENTED = N_("is in TikTok's code, but not in its documentation")
_SCOPES = (
    Scope(
        BASIC,
        N_("Your name and picture"),
        N_("So we both know which account this is."),
        N_("We can't see your email address or phone number."),
    ),
    Scope(
        "user.info.profile",
        N_("Your profile page: @name, bio, link, verified badge"),
        N_("So we can link to your profile."),
        N_("Only what everyone else can see."),
        without=N_("There will be no link to your profile."),
    ),
    Scope(
        "user.info.stats",
        N_("Your follower, following, like and video counts"),
        N_("To show them in your report."),
        N_("Public numbers only."),
        without=N_("Your report will have no numbers."),
    ),
    Scope(
        "video.list",
        N_("Your public videos"),
        N_("To list them with their view counts."),
        N_("We can't see private videos, drafts or messages."),
        without=N_("Your videos and their view counts won't be shown."),
    ),
    Scope(
        "video.upload",
        N_("Send videos to your TikTok inbox as drafts"),
        N_("So you can finish and post them yourself."),
        N_("Nothing is posted without you."),
        without=N_("You won't be able to send drafts to your TikTok inbox from here."),
    ),
    Scope(
        "video.publish",
        N_("Post videos to your profile"),
        N_("So you can post from here."),
        N_("Only when you press Post here."),
        without=N_("You won't be able to post from here."),
    ),
    # TikTok grants these to few apps.
    Scope(
        "portability.all.single",
        N_("One copy of everything TikTok stores about you"),
        N_("To import it once."),
        N_("Access ends after one copy."),
    ),
    Scope(
        "portability.all.ongoing",
        N_("Regular copies of everything TikTok stores about you"),
        N_("To keep your copy here up to date."),
        "",
    ),
    Scope(
        "portability.activity.single",
        N_("One copy of your activity: likes, follows, searches"),
        N_("To import it once."),
        N_("Doesn't include your messages and posts. Access ends after one copy."),
    ),
    Scope(
        "portability.activity.ongoing",
        N_("Regular copies of your activity: likes, follows, searches"),
        N_("To keep your copy here up to date."),
        N_("Doesn't include your messages and posts."),
    ),
    Scope(
        "portability.directmessages.single",
        N_("One copy of your direct messages"),
        N_("To import it once."),
        N_("Doesn't include your posts and activity. Access ends after one copy."),
    ),
    Scope(
        "portability.directmessages.ongoing",
        N_("Regular copies of your direct messages"),
        N_("To keep your copy here up to date."),
        N_("Doesn't include your posts and activity."),
    ),
    Scope(
        "portability.postsandprofile.single",
        N_("One copy of your posts and profile"),
        N_("To import it once."),
        N_("Doesn't include your messages and activity. Access ends after one copy."),
    ),
    Scope(
        "portability.postsandprofile.ongoing",
        N_("Regular copies of your posts and profile"),
        N_("To keep your copy here up to date."),
        N_("Doesn't include your messages and activity."),
    ),
    Scope(
        "research.data.basic",
        N_("Public videos, comments and accounts, for research"),
        N_("For a study that TikTok has approved."),
        N_("Public content only."),
    ),
    Scope(
        "research.adlib.basic",
        N_("TikTok's public library of ads"),
        N_("For a study of advertising."),
        N_("Nothing about your own account."),
    ),
    Scope(
        "research.data.u18eu",
        N_("Public content of people under 18 in Europe, for research"),
        N_("For a study that TikTok has approved."),
        N_("Public content only."),
    ),
    Scope(
        "local.product.manage",
        N_("Manage the products of your local business"),
        N_("So you can keep your offers up to date from here."),
        N_("We can't see your payments."),
    ),
    Scope(
        "local.shop.manage",
        N_("Manage the shops of your local business"),
        N_("So you can update addresses and opening hours from here."),
        N_("We can't see your payments."),
    ),
    Scope(
        "local.voucher.manage",
        N_("Manage and redeem vouchers of your local business"),
        N_("So your staff can redeem vouchers from here."),
        N_("We can't see your customers' accounts."),
    ),
    Scope(
        "artist.certification.read",
        N_("See if you are certified as an artist"),
        N_("To show your artist status."),
        N_("We can't change it."),
    ),
    Scope(
        "artist.certification.update",
        N_("Apply for or change your artist certification"),
        N_("So you can apply for certification from here."),
        N_("TikTok decides, not us."),
    ),
    Scope(
        "message.list.read",
        N_("Read your direct messages"),
        N_("So you can read them here."),
        N_("We can't reply for you."),
        remark=_UNDOCUMENTED,
    ),
    Scope(
        "message.list.send",
        N_("Send direct messages as you"),
        N_("So you can reply from here."),
        N_("Only when you press Send here."),
        remark=_UNDOCUMENTED,
    ),
    Scope(
        "message.list.manage",
        N_("Organize and delete your direct messages"),
        N_("So you can organize them from here."),
        N_("Only when you do so here."),
        remark=_UNDOCUMENTED,
    ),
    Scope(
        "business.basic",
        N_("Your business account's basic details"),
        N_("To recognize your business account."),
        "",
        remark=N_(
            "appears in one guide, but not in TikTok's documentation; TikTok will probably"
            " refuse it"
        ),
    ),
)
CATALOGUE: Mapping[str, Scope] = MappingProxyType({scope.id: scope for scope in _SCOPES})


def problems(asked: Iterable[str]) -> list[tuple[str, Text]]:
    """Return each unknown scope and why it is refused at startup (rule 6)."""
    return [(scope, _cause(scope)) for scope in asked if scope not in CATALOGUE]


def remarks(asked: Iterable[str]) -> list[tuple[str, str]]:
    """Return each known but doubtful scope and the warning for the operator."""
    known = (CATALOGUE[scope] for scope in asked if scope in CATALOGUE)
    return [(scope.id, scope.remark) for scope in known if scope.remark]


def asked_for(required: Iterable[str], chosen: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the scopes to request from TikTok: the basic one first, each once (rules 4, 5)."""
    return tuple(dict.fromkeys((BASIC, *required, *chosen)))


def _cause(scope: str) -> Text:
    near = get_close_matches(scope, CATALOGUE, n=1)
    if near:
        return _("is not a TikTok scope, but %(near)s is", near=near[0])
    return _("is not a TikTok scope")
