"""When to act next: spread refreshes and bounded back-off. Pure arithmetic."""

import random
from datetime import datetime, timedelta

#: The longest wait between two tries of one connection, in seconds.
LONGEST_WAIT = 900
#: The shortest, so tokens that are about to expire are not retried all the time.
SHORTEST_WAIT = 15
_random = random.SystemRandom()


def next_refresh_at(now: datetime, expires_at: datetime) -> datetime:
    """Return a random time between 50% and 75% of the remaining lifetime.

    With a fixed margin, people who connected together would always be refreshed together.
    """
    return now + (expires_at - now) * _random.uniform(0.5, 0.75)


def keep_alive_at(
    now: datetime, access_ends: datetime, grant_ends: datetime | None, *, idle: bool
) -> datetime:
    """Return when to refresh next; an idle connection just often enough to keep its grant."""
    if idle and grant_ends is not None and grant_ends > access_ends:
        return next_refresh_at(now, grant_ends)
    return next_refresh_at(now, access_ends)


def back_off(failures: int, now: datetime, access_ends: datetime | None) -> datetime:
    """Return when to retry after this many failures: in min(60·2^k, 900) s, half of it random.

    Never more than a quarter of the remaining lifetime (but at least 15 s), to leave time for
    several retries.
    """
    seconds = float(min(60 * 2 ** min(failures, 10), LONGEST_WAIT))
    if access_ends is not None and access_ends > now:
        quarter = (access_ends - now).total_seconds() / 4
        seconds = min(seconds, max(quarter, SHORTEST_WAIT))
    return now + timedelta(seconds=seconds / 2 + _random.uniform(0, seconds / 2))


def soon(now: datetime) -> datetime:
    """Return the time of the one quick retry after a lost answer: in 2 to 5 s."""
    return now + timedelta(seconds=_random.uniform(2, 5))
