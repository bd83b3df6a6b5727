"""When a notification that wasn't delivered is tried again, and when it is given up."""

import random
from datetime import datetime, timedelta

from webapp.models.notification import NEVER
from webapp.notify import ReceiverAnswer

#: The pauses after the first try, the second and so on, then it is given up: about 28 hours.
PAUSES = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 10 * 3600)
)
#: The random part of a pause, so the retries after an outage are spread.
JITTER = 0.1
_random = random.SystemRandom()


def next_try_at(tries: int, answer: ReceiverAnswer, now: datetime) -> datetime:
    """Return when to try again after this many tries; NEVER: it is given up."""
    if answer.gone or tries > len(PAUSES):
        return NEVER
    pause = PAUSES[tries - 1] * _random.uniform(1, 1 + JITTER)
    return now + max(pause, timedelta(seconds=answer.wait))
