"""Errors of calls to TikTok, one class per thing the caller can do about it.

None ever contains a secret: TikTok's own texts (`error_description`, `message`) are dropped, and
only its code and log ID get through, shortened and reduced to the characters such values have.
"""

import re

_CODE = re.compile(r"[a-z][a-z_.]{0,63}")
_NOT_IN_LOG_ID = re.compile(r"[^0-9A-Za-z_-]")
_LOG_ID_LENGTH = 64


class TikTokError(Exception):
    """A call to TikTok failed. The text is the code and the log ID, nothing else."""

    def __init__(self, code: str, *, log_id: str = "", status: int | None = None) -> None:
        """Store the code (TikTok's, or ours if it sent none), its log ID and the HTTP status."""
        self.code = clean_code(code)
        self.log_id = clean_log_id(log_id)
        self.status = status
        super().__init__(f"{self.code} (log {self.log_id})" if self.log_id else self.code)


class ConnectAgain(TikTokError):
    """The code or the grant is spent or has expired: the person must connect again."""


class AccessRefused(ConnectAgain):
    """The access token is not accepted: refresh once and retry once (rule 46)."""


class TryLater(TikTokError):
    """TikTok is unreachable, slow, throttling or sent an unusable answer; retry later."""

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
        """Store what TikTokError stores, and how the call ended.

        `retry_after`: seconds TikTok asked us to wait. `outcome_unknown`: the request was sent
        but no complete answer arrived, so TikTok may have acted on it. `reached`: something
        answered.
        """
        super().__init__(code, log_id=log_id, status=status)
        self.retry_after = retry_after
        self.outcome_unknown = outcome_unknown
        self.reached = reached


class OurConfiguration(TikTokError):
    """TikTok does not accept this app or its configuration: the operator must fix it (rule 35)."""


class Declined(TikTokError):
    """The person declined."""


class NotATargetUser(TikTokError):
    """This is a TikTok Sandbox app, and the account isn't one of its target users (rule 14)."""


class ScopeMissing(TikTokError):
    """The grant does not cover this call: connect again with the scope, don't refresh (rule 46)."""


class WrongAccount(TikTokError):
    """TikTok answered for another open_id than the requested one (rules 37, 45)."""


def clean_code(value: object) -> str:
    """Return an error code that is safe to log and store, or `unreadable_code`.

    Codes are lowercase words. Digits and capitals are refused, so a token can't pass as a code.
    """
    return value if isinstance(value, str) and _CODE.fullmatch(value) else "unreadable_code"


def clean_log_id(value: object) -> str:
    """Return TikTok's log ID cut to 64 letters, digits and dashes; empty if there is none."""
    return _NOT_IN_LOG_ID.sub("", value)[:_LOG_ID_LENGTH] if isinstance(value, str) else ""
