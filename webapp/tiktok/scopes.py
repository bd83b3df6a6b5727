"""The scopes that TikTok gives to few apps, in plain words like the rest of the catalogue."""

from webapp.language import N_
from webapp.tiktok.scope import Scope

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
