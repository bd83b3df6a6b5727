"""What can go wrong at TikTok, sorted by what the caller can do; never carries a secret.

TikTok's own words (`error_description`, `message`) are dropped where they arrive: only its code
and its log id come through, cut short and reduced to the characters that such names have.
"""

import re

_CODE = re.compile(r"[a-z][a-z_.]{0,63}")
_NOT_IN_LOG_ID = re.compile(r"[^0-9A-Za-z_-]")
_LOG_ID_LENGTH = 64


class TikTokError(Exception):
    """TikTok did not do what it was asked. Its text is the code and the log id alone."""

    def __init__(self, code: str, *, log_id: str = "", status: int | None = None) -> None:
        """Take the code (TikTok's, or ours where it sent none), its log id, the HTTP status."""
        self.code = clean_code(code)
        self.log_id = clean_log_id(log_id)
        self.status = status
        super().__init__(f"{self.code} (log {self.log_id})" if self.log_id else self.code)


class ConnectAgain(TikTokError):
    """The code or the grant is spent or over: only the person can fix it, by connecting."""


class AccessRefused(ConnectAgain):
    """The access token is not accepted: refresh once, try once more (rule 46)."""


class TryLater(TikTokError):
    """TikTok is away, slow, throttling or talking nonsense; nothing is known to be wrong here."""

    def __init__(
        self,
        code: str,
        *,
        log_id: str = "",
        status: int | None = None,
        retry_after: int | None = None,
        outcome_unknown: bool = False,
        reached: bool = True,
    ) -> None:
        """Take what TikTokError takes, and how the call ended.

        `retry_after`: seconds TikTok asked us to wait. `outcome_unknown`: the request went out
        and no whole answer came back, so TikTok may have done it. `reached`: something answered.
        """
        super().__init__(code, log_id=log_id, status=status)
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown
        self.reached = reached


class OurConfiguration(TikTokError):
    """TikTok does not accept this app or its set-up: only the operator can fix it (rule 35)."""


class Declined(TikTokError):
    """The person said no."""


class NotATargetUser(TikTokError):
    """The app is a TikTok Sandbox app and this account is none of its target users (rule 14)."""


class ScopeMissing(TikTokError):
    """The grant does not cover this call: connect again with the scope, never refresh (rule 46)."""


class WrongAccount(TikTokError):
    """TikTok answered for another open_id than the one asked about (rules 37, 45)."""


def clean_code(value: object) -> str:
    """Return an error code fit for logs and rows, or `unreadable_code`.

    Codes are lower-case words; digits and capitals are refused, so no token passes as a code.
    """
    return value if isinstance(value, str) and _CODE.fullmatch(value) else "unreadable_code"


def clean_log_id(value: object) -> str:
    """Return TikTok's log id cut to 64 letters, digits, dashes; empty if there is none."""
    return _NOT_IN_LOG_ID.sub("", value)[:_LOG_ID_LENGTH] if isinstance(value, str) else ""
