"""Reads the `Retry-After` and `Date` headers of an answer."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

#: Seconds; longer values of Retry-After are cut to this.
LONGEST_WAIT = 3600


def retry_after(header: str | None, now: datetime) -> int | None:
    """Return the seconds of a Retry-After, a number or a date (RFC 9110 §10.2.3), or None."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return int(text) if len(text) <= 4 and int(text) <= LONGEST_WAIT else LONGEST_WAIT
    until = _date(text)
    if until is None:
        return None
    return min(max(0, math.ceil((until - now).total_seconds())), LONGEST_WAIT)


def ahead(header: str | None, now: datetime) -> timedelta | None:
    """Return how far our clock is ahead of a `Date` header; None if there is no such date."""
    then = _date(header or "")
    return None if then is None else now - then


def _date(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
        # Converted to UTC here, because this raises on dates that no calendar has.
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
