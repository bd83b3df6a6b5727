"""Which fields of TikTok's user info are requested, and how its answer is read."""

from collections.abc import Collection
from dataclasses import dataclass

from webapp.tiktok.answers import Answer, part
from webapp.tiktok.errors import WrongAccount

#: The requested fields by the scope that covers them: one field too many fails the whole call
#: (rule 43). Only what the app shows or stores; no avatar URLs, which go stale (rule 51).
_FIELDS = {
    "user.info.basic": ("union_id", "display_name"),
    "user.info.profile": ("username",),
}
_MAX_TEXT = 255


@dataclass(frozen=True, slots=True)
class Profile:
    """A person's profile; None where no scope was granted or TikTok sent no usable text."""

    open_id: str
    union_id: str | None = None
    display_name: str | None = None
    username: str | None = None


def fields(scopes: Collection[str]) -> tuple[str, ...]:
    """Return the fields to request with these granted scopes; `open_id` is always the first."""
    granted = [name for scope, names in _FIELDS.items() if scope in scopes for name in names]
    return ("open_id", *granted)


def read_profile(answer: Answer, open_id: str) -> Profile:
    """Return the profile of the person with this open_id.

    Raises the error that the body contains, TryLater unless the body says `code == "ok"`
    (rule 44), and WrongAccount if the profile belongs to somebody else (rule 45).
    """
    if fault := answer.fault():
        raise fault
    document = answer.document or {}
    said_ok = part(document, "error").get("code") == "ok"
    user = part(part(document, "data"), "user")
    if not (answer.ok and said_ok and user) or answer.has_duplicates:
        raise answer.try_later("answer_unusable")
    if user.get("open_id") != open_id:
        raise WrongAccount("other_open_id", log_id=answer.log_id, status=answer.status)
    return Profile(
        open_id=open_id,
        union_id=_text(user.get("union_id")),
        display_name=_text(user.get("display_name")),
        username=_text(user.get("username")),
    )


def _text(value: object) -> str | None:
    """Return a text any database accepts: capped, without NUL or unpaired surrogates."""
    if not isinstance(value, str):
        return None
    text = value.replace("\0", "").encode(errors="replace").decode()
    return text.strip()[:_MAX_TEXT] or None
