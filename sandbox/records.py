"""What the books hold: codes and grants, as values; never a token in the clear."""

from dataclasses import dataclass, field


class Refused(Exception):
    """The books say no; `code` is TikTok's word for it."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(code)
        self.code = code
        self.words = words


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code: what was agreed when it was handed out."""

    name: str
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str | None
    ends_at: float  # seconds since 1970


@dataclass(slots=True)
class Grant:
    """The standing consent of one person; tokens only as SHA-256 in hex, times since 1970."""

    open_id: str
    name: str
    scopes: frozenset[str]
    access: str = ""
    refresh: str = ""
    access_ends_at: float = 0.0
    refresh_ends_at: float = 0.0
    older: dict[str, float] = field(default_factory=dict)  # earlier access tokens still alive
    ended: str | None = None  # "revoked" or "deauthorized"
