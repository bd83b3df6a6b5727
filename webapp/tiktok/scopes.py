"""Every scope of TikTok's in plain words: what it opens, why, what it does not; asks nobody.

The words are read by people who connect, so none says scope, token or API. "Why" is what the
service says by default.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType

#: The one scope without which nobody can tell whose account it is (rule 5).
BASIC = "user.info.basic"


@dataclass(frozen=True, slots=True)
class Scope:
    """One thing that a person can allow."""

    id: str
    #: What it opens, as the person would say it.
    label: str
    why: str
    #: What it does not open; may be empty.
    limits: str
    #: What an operator should know before asking for it; usually empty.
    remark: str = ""


_USER = (
    Scope(
        BASIC,
        "Your name and picture",
        "So that you and we can tell which account this is.",
        "We cannot see your e-mail address or phone number.",
    ),
    Scope(
        "user.info.profile",
        "Your profile page: @name, bio, link, verified mark",
        "So that we can link to your profile.",
        "Only what everybody else sees too.",
    ),
    Scope(
        "user.info.stats",
        "Your follower, following, like and video counts",
        "To show them in your report.",
        "Public numbers only.",
    ),
)
_VIDEO = (
    Scope(
        "video.list",
        "Your public videos",
        "To list them with their view counts.",
        "We cannot see private videos, drafts or messages.",
    ),
    Scope(
        "video.upload",
        "Put videos into your TikTok inbox as drafts",
        "So that you can finish and post them yourself.",
        "Nothing is posted without you.",
    ),
    Scope(
        "video.publish",
        "Post videos to your profile",
        "So that you can post from here.",
        "Only when you press Post here.",
    ),
)
_COPIED = {
    "all": ("everything TikTok holds about you", ""),
    "activity": ("your activity: likes, follows, searches", "Without your messages and posts."),
    "directmessages": ("your direct messages", "Without your posts and activity."),
    "postsandprofile": ("your posts and profile", "Without your messages and activity."),
}
_HOW_OFTEN = {
    "single": ("One copy of", "To bring it over once.", "It ends after one copy."),
    "ongoing": ("A regular copy of", "To keep your copy here up to date.", ""),
}
_PORTABILITY = tuple(
    Scope(
        f"portability.{what}.{how}", f"{often} {content}", why, " ".join(filter(None, (less, end)))
    )
    for what, (content, less) in _COPIED.items()
    for how, (often, why, end) in _HOW_OFTEN.items()
)
_RESEARCH = (
    Scope(
        "research.data.basic",
        "Public videos, comments and accounts, for research",
        "For a study that TikTok has approved.",
        "Public content only.",
    ),
    Scope(
        "research.adlib.basic",
        "TikTok's public library of advertisements",
        "For a study of advertising.",
        "Nothing about your own account.",
    ),
    Scope(
        "research.data.u18eu",
        "Public content of people under 18 in Europe, for research",
        "For a study that TikTok has approved.",
        "Public content only.",
    ),
)
_LOCAL = (
    Scope(
        "local.product.manage",
        "Manage the products of your local business",
        "So that you can keep your offers up to date from here.",
        "We cannot see your payments.",
    ),
    Scope(
        "local.shop.manage",
        "Manage the shops of your local business",
        "So that you can keep addresses and hours current from here.",
        "We cannot see your payments.",
    ),
    Scope(
        "local.voucher.manage",
        "Manage and redeem vouchers of your local business",
        "So that your staff can redeem vouchers from here.",
        "We cannot see your customers' accounts.",
    ),
)
_ARTIST = (
    Scope(
        "artist.certification.read",
        "See whether you are certified as an artist",
        "To show your artist status.",
        "We cannot change it.",
    ),
    Scope(
        "artist.certification.update",
        "Apply for or change your artist certification",
        "So that you can ask for certification from here.",
        "TikTok decides, not we.",
    ),
)
_SEEN_IN_CODE = "stands in TikTok's code, but on no page of its documentation"
_MESSAGES = (
    Scope(
        "message.list.read",
        "Read your direct messages",
        "So that you can read them here.",
        "We cannot answer for you.",
        _SEEN_IN_CODE,
    ),
    Scope(
        "message.list.send",
        "Send direct messages as you",
        "So that you can answer from here.",
        "Only when you press Send here.",
        _SEEN_IN_CODE,
    ),
    Scope(
        "message.list.manage",
        "Sort and delete your direct messages",
        "So that you can tidy them up from here.",
        "Only when you ask for it here.",
        _SEEN_IN_CODE,
    ),
)
_BUSINESS = Scope(
    "business.basic",
    "Your business account's basic details",
    "To recognise your business account.",
    "",
    "is listed by one guide and on no page of TikTok's; TikTok will probably refuse it",
)

_ALL = (*_USER, *_VIDEO, *_PORTABILITY, *_RESEARCH, *_LOCAL, *_ARTIST, *_MESSAGES, _BUSINESS)

CATALOGUE: Mapping[str, Scope] = MappingProxyType({scope.id: scope for scope in _ALL})


def problems(asked: Iterable[str]) -> list[tuple[str, str]]:
    """Return each unknown scope with the reason to refuse it at start-up (rule 6)."""
    return [(scope, _cause(scope)) for scope in asked if scope not in CATALOGUE]


def remarks(asked: Iterable[str]) -> list[tuple[str, str]]:
    """Return each scope that is known but doubtful, with the warning for the operator."""
    known = (CATALOGUE[scope] for scope in asked if scope in CATALOGUE)
    return [(scope.id, scope.remark) for scope in known if scope.remark]


def asked_for(required: Iterable[str], chosen: Iterable[str] = ()) -> tuple[str, ...]:
    """Return what to ask TikTok for: the basic scope first, each once (rules 4, 5)."""
    return tuple(dict.fromkeys((BASIC, *required, *chosen)))


def _cause(scope: str) -> str:
    near = get_close_matches(scope, CATALOGUE, n=1)
    return "is no scope of TikTok's" + (f"; {near[0]} is" if near else "")
