"""The scopes that the mock TikTok knows, and the scope that each profile field needs."""

from collections.abc import Iterable

BASIC = "user.info.basic"

LABELS: dict[str, str] = {
    BASIC: "Read your display name and picture",
    "user.info.profile": "Read your bio, profile link, username and verification",
    "user.info.stats": "Read your follower, like and video counts",
    "video.list": "Read your public videos",
    "video.upload": "Save drafts to your inbox",
    "video.publish": "Publish videos on your behalf",
    "research.data.basic": "Research: public data",
    "research.adlib.basic": "Research: the ad library",
    "research.data.u18eu": "Research: European data about people under 18",
    "local.product.manage": "Manage local products",
    "local.shop.manage": "Manage local shops",
    "local.voucher.manage": "Manage local vouchers",
    "artist.certification.read": "Read your artist certification",
    "artist.certification.update": "Change your artist certification",
    "message.list.read": "Read your messages",
    "message.list.send": "Send messages on your behalf",
    "message.list.manage": "Manage your messages",
} | {
    f"portability.{what}.{how}": f"Download a copy of your data ({what}, {how})"
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
    """Split a comma-separated list of scopes.

    Returns None if it contains a space, a repeat, an empty item or an unknown scope.
    """
    names = tuple(text.split(","))
    if len(set(names)) != len(names) or any(name not in LABELS for name in names):
        return None
    return names


def joined(names: Iterable[str]) -> str:
    """Join scopes with commas, in the order of LABELS, as TikTok's responses do."""
    chosen = set(names)
    return ",".join(name for name in LABELS if name in chosen)
