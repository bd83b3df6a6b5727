"""The scopes the pretend TikTok knows and the user fields behind them; never decides a grant."""

from collections.abc import Iterable

BASIC = "user.info.basic"

LABELS: dict[str, str] = {
    BASIC: "Read your display name and picture",
    "user.info.profile": "Read your bio, profile link, user name and verification",
    "user.info.stats": "Read your counts of followers, likes and videos",
    "video.list": "Read your public videos",
    "video.upload": "Put drafts into your inbox",
    "video.publish": "Publish videos for you",
    "research.data.basic": "Research: public data",
    "research.adlib.basic": "Research: the ad library",
    "research.data.u18eu": "Research: European data about people under 18",
    "local.product.manage": "Manage local products",
    "local.shop.manage": "Manage local shops",
    "local.voucher.manage": "Manage local vouchers",
    "artist.certification.read": "Read your artist certification",
    "artist.certification.update": "Change your artist certification",
    "message.list.read": "Read your messages",
    "message.list.send": "Send messages for you",
    "message.list.manage": "Manage your messages",
} | {
    f"portability.{what}.{how}": f"Take a copy of your data ({what}, {how})"
    for what in ("all", "activity", "directmessages", "postsandprofile")
    for how in ("single", "ongoing")
}

USER_FIELDS: dict[str, str] = {
    **dict.fromkeys(
        (
            "open_id",
            "union_id",
            "avatar_url",
            "avatar_url_100",
            "avatar_large_url",
            "display_name",
        ),
        BASIC,
    ),
    **dict.fromkeys(
        ("bio_description", "profile_deep_link", "is_verified", "username"), "user.info.profile"
    ),
    **dict.fromkeys(
        ("follower_count", "following_count", "likes_count", "video_count"), "user.info.stats"
    ),
}


def parse(text: str) -> tuple[str, ...] | None:
    """Split a comma list of scopes; None if it has a space, a repeat, a gap or an unknown one."""
    names = tuple(text.split(","))
    if len(set(names)) != len(names) or any(name not in LABELS for name in names):
        return None
    return names


def joined(names: Iterable[str]) -> str:
    """Join scopes with commas in the catalogue's order, as TikTok's answers carry them."""
    chosen = set(names)
    return ",".join(name for name in LABELS if name in chosen)
