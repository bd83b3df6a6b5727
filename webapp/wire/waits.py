"""How long a server asks to be left alone: `Retry-After`; waits for nobody."""

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

#: An hour: what is asked for beyond that is not believed.
LONGEST_WAIT = 3600


def retry_after(header: str | None, now: datetime) -> int | None:
    """Return a Retry-After in seconds: a number or a date (RFC 9110 §10.2.3), or None."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return int(text) if len(text) <= 4 and int(text) <= LONGEST_WAIT else LONGEST_WAIT
    try:
        until = parsedate_to_datetime(text)
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds()
    except (ValueError, OverflowError):
        return None
    return min(max(0, math.ceil(seconds)), LONGEST_WAIT)
