"""The answer of the token endpoint as a value; never stores, sends or prints a token."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TokenSet:
    """One successful answer of TikTok's token endpoint, already judged (rules 26, 29, 30).

    Its repr leaves the tokens out, so that no log or traceback can hold them.
    """

    access_token: str = field(repr=False)
    #: None: the answer brought none, so the stored one is kept (rule 38).
    refresh_token: str | None = field(repr=False)
    #: None: a refresh answer left it out.
    open_id: str | None
    #: The granted scopes; None: the answer did not say.
    scopes: frozenset[str] | None
    #: Receipt + `expires_in`, UTC.
    access_expires_at: datetime
    #: Receipt + `refresh_expires_in`, UTC; None: the answer did not say.
    refresh_expires_at: datetime | None
    #: False: `expires_in` was missing or absurd and five minutes are assumed (rule 26).
    life_known: bool = True
