"""The sign-ins this browser has begun, in a signed cookie each that holds no code or verifier."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from flask import session

from webapp.services.connect import spent_states
from webapp.views.http import browser_cookies

log = structlog.get_logger(__name__)

_ATTEMPTS = browser_cookies.ATTEMPTS
_CAME_BACK = "came_back"
#: Keys that a sign-in carries over into the new session: another tab may still be at TikTok.
KEPT = (_ATTEMPTS, _CAME_BACK)
#: 26 abandoned sign-ins would overflow the cookie and break signing in for good.
LIMIT = 5
LIFE = timedelta(minutes=10)
#: So many of the newest attempts keep their return link: an address may be 500 bytes long.
WITH_RETURN_LINK = 2
#: How long an unfinished attempt is kept, to ask what TikTok showed.
REMEMBERED = timedelta(minutes=30)


@dataclass(frozen=True)
class Attempt:
    """One sign-in in progress."""

    state: str
    started_at: datetime
    #: The requested scopes.
    scopes: tuple[str, ...]
    #: The open_id that was signed in when it began; None if nobody was.
    viewer: str | None
    #: The person asked to use a different account from the one signed in.
    another: bool
    #: The address that a service wants the person to return to; empty if none.
    back: str = ""
    #: Where an operator continues who had to sign in again (see `step_up`), or the page that was
    #: wanted by someone who wasn't signed in (see `come_back`); empty if nowhere.
    then: str = ""


class StateRejected(Exception):
    """The state of a callback is not accepted."""

    def __init__(self, cause: str, attempt: Attempt | None = None) -> None:
        """Store the cause: the code of an error page, or one of two for a repeated callback.

        "reloaded": the browser has received the response, or its attempt is too old.
        "delivered_again": it hasn't, as it still has the attempt. `attempt` is the one of this
        callback, if it was one of this browser's.
        """
        super().__init__(cause)
        self.cause = cause
        self.attempt = attempt


def begin(
    scopes: Sequence[str],
    viewer: str | None,
    another: bool,
    back: str,
    now: datetime,
    then: str = "",
) -> Attempt:
    """Begin an attempt with a new state of 256 random bits, bound to this browser."""
    attempt = Attempt(secrets.token_urlsafe(32), now, tuple(scopes), viewer, another, back, then)
    kept = [each for each in _all() if now - each.started_at <= REMEMBERED]
    _keep([*kept[-(LIMIT - 1) :], attempt])
    return attempt


def redeem(state: str | None, now: datetime) -> Attempt:
    """Return the attempt that began with this state, and use it up (rules 9, 12, 17).

    Raises StateRejected if the state is missing, unknown, another browser's, used or too old.
    """
    attempt = _find(state) if state else None
    if attempt is None:
        raise StateRejected(_why_unknown(state))
    # First, so the browser keeps its attempt if the database can't be written.
    won = spent_states.spend(attempt.state, now)
    _use_up(attempt)
    if not won:
        late = now - attempt.started_at > LIFE
        raise StateRejected("reloaded" if late else "delivered_again", attempt)
    if now - attempt.started_at > LIFE:
        raise StateRejected("expired", attempt)
    return attempt


def _why_unknown(state: str | None) -> str:
    if not browser_cookies.has_cookies():
        return "cookie_missing"
    return "reloaded" if state and spent_states.find(state) else "older_attempt"


def _find(state: str) -> Attempt | None:
    """Return this browser's attempt with this state; None if it has none."""
    return next((each for each in _all() if _same(each.state, state)), None)


def _use_up(attempt: Attempt) -> None:
    _keep([each for each in _all() if each.state != attempt.state])
    session[_CAME_BACK] = _seconds(attempt.started_at)


def unfinished(now: datetime) -> bool:
    """Return True if an attempt was begun here recently and no newer one has come back."""
    came_back = datetime.fromtimestamp(session.get(_CAME_BACK, 0), UTC)
    unfinished_since = [
        each.started_at
        for each in _all()
        if each.started_at > came_back and now - each.started_at <= REMEMBERED
    ]
    if unfinished_since:
        # The page shows this request's reference, so support can find when they left.
        log.info("attempt_unfinished", left_at=max(unfinished_since).isoformat())
    return bool(unfinished_since)


def _seconds(moment: datetime) -> float:
    """Return a time for the cookie, to the millisecond: signing out everywhere compares it."""
    return int(moment.timestamp() * 1000) / 1000


def _same(ours: str, theirs: str) -> bool:
    return secrets.compare_digest(ours.encode(), theirs.encode(errors="replace"))


def _all() -> list[Attempt]:
    kept: list[list[Any]] = session.get(_ATTEMPTS, [])
    return [
        Attempt(state, datetime.fromtimestamp(started, UTC), tuple(scopes), *rest)
        for state, started, scopes, *rest in kept
    ]


def _keep(attempts: Sequence[Attempt]) -> None:
    first_with_link = len(attempts) - WITH_RETURN_LINK
    session[_ATTEMPTS] = [
        [
            *(each.state, _seconds(each.started_at), each.scopes),
            *(each.viewer, each.another, each.back if place >= first_with_link else ""),
            each.then if place == len(attempts) - 1 else "",
        ]
        for place, each in enumerate(attempts)
    ]
