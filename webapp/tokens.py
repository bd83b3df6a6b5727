"""The tokens of one answer of TikTok's token endpoint."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TokenSet:
    """A successful answer of TikTok's token endpoint, already checked (rules 26, 29, 30).

    Its repr omits the tokens, so they don't appear in logs and tracebacks.
    """

    access_token: str = field(repr=False)
    #: None: the answer has none, so the stored one is kept (rule 38).
    refresh_token: str | None = field(repr=False)
    #: None: a refresh answer omitted it.
    open_id: str | None
    #: The granted scopes; None: not in the answer.
    scopes: frozenset[str] | None
    #: Time of receipt + `expires_in`, UTC.
    access_expires_at: datetime
    #: Time of receipt + `refresh_expires_in`, UTC; None: not in the answer.
    refresh_expires_at: datetime | None
    #: False: `expires_in` was missing or absurd, so five minutes are assumed (rule 26).
    life_known: bool = True
    #: When the exchange was sent; None: this is the answer to a refresh.
    sent_at: datetime | None = None
