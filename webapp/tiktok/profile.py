"""Who a person is, as TikTok's user info says; keeps no avatar URL, for those go stale (rule 51).

Text is kept as TikTok gave it, capped: pages clean it.
"""

from collections.abc import Collection
from dataclasses import dataclass

from webapp.tiktok.answers import Answer, part
from webapp.tiktok.errors import WrongAccount

#: What is asked for, by the scope that covers it: one field too many fails the call (rule 43).
#: What the app neither shows nor keeps is not asked for: avatars, biography, profile link.
_FIELDS = {
    "user.info.basic": ("union_id", "display_name"),
    "user.info.profile": ("username", "is_verified"),
    "user.info.stats": ("follower_count", "following_count", "likes_count", "video_count"),
}
_LONGEST_TEXT = 255
_LARGEST_COUNT = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Profile:
    """What the granted scopes give; None where they do not, or where TikTok sent nonsense."""

    open_id: str
    union_id: str | None = None
    display_name: str | None = None
    username: str | None = None
    is_verified: bool | None = None
    follower_count: int | None = None
    following_count: int | None = None
    likes_count: int | None = None
    video_count: int | None = None


def fields(scopes: Collection[str]) -> tuple[str, ...]:
    """Return the fields to ask for with these granted scopes, `open_id` always among them."""
    granted = [name for scope, names in _FIELDS.items() if scope in scopes for name in names]
    return ("open_id", *granted)


def judged(answer: Answer, open_id: str) -> Profile:
    """Return the profile of the expected person.

    Raises what the body's error means, TryLater unless the body says `code == "ok"` (rule 44),
    WrongAccount if it is about somebody else (rule 45).
    """
    if fault := answer.fault():
        raise fault
    document = answer.document or {}
    said_ok = part(document, "error").get("code") == "ok"
    user = part(part(document, "data"), "user")
    if not (answer.ok and said_ok and user) or answer.doubled:
        raise answer.try_later("answer_unusable")
    if user.get("open_id") != open_id:
        raise WrongAccount("other_open_id", log_id=answer.log_id, status=answer.status)
    verified = user.get("is_verified")
    return Profile(
        open_id=open_id,
        union_id=_text(user.get("union_id")),
        display_name=_text(user.get("display_name")),
        username=_text(user.get("username")),
        is_verified=verified if isinstance(verified, bool) else None,
        follower_count=_count(user.get("follower_count")),
        following_count=_count(user.get("following_count")),
        likes_count=_count(user.get("likes_count")),
        video_count=_count(user.get("video_count")),
    )


def _text(value: object) -> str | None:
    """Return a text that any database takes: capped, without NUL and halves of characters."""
    if not isinstance(value, str):
        return None
    text = value.replace("\0", "").encode(errors="replace").decode()
    return text.strip()[:_LONGEST_TEXT] or None


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _LARGEST_COUNT else None
