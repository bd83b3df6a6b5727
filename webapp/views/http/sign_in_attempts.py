"""The sign-ins this browser has begun, in its signed cookie; never holds a code or a verifier."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from flask import current_app, request, session

from webapp.services.connect import sign_ins

log = structlog.get_logger(__name__)

_OPEN = "attempts"
_CAME_BACK = "came_back"
#: What a sign-in takes along into the new session: another tab may still be at TikTok.
KEPT = (_OPEN, _CAME_BACK)
#: 26 abandoned sign-ins overflowed the cookie and broke signing in for good (security.md).
LIMIT = 5
LIFE = timedelta(minutes=10)
#: Of these many, the newest, the way back is kept: an address may be 500 bytes long.
WITH_WAY_BACK = 2
#: How long an attempt that never came back is remembered, to ask what TikTok showed.
REMEMBERED = timedelta(minutes=30)


@dataclass(frozen=True)
class Attempt:
    """One sign-in under way."""

    state: str
    started_at: datetime
    #: What was asked for.
    scopes: tuple[str, ...]
    #: The open_id that was signed in when it began; None: nobody was.
    viewer: str | None
    #: The person asked for another account than the one that is signed in.
    another: bool
    #: The address that a service wants the person back at; empty: none.
    back: str = ""


class StateRejected(Exception):
    """The state of a callback is not accepted."""

    def __init__(self, cause: str, attempt: Attempt | None = None) -> None:
        """Take the cause: the code of an error page, or "reloaded" for a callback that came before.

        `attempt` is the one that was used up by this callback, if it was one of this browser's.
        """
        super().__init__(cause)
        self.cause = cause
        self.attempt = attempt


def begin(
    scopes: Sequence[str], viewer: str | None, another: bool, back: str, now: datetime
) -> Attempt:
    """Begin an attempt under a new state of 256 random bits, bound to this browser."""
    attempt = Attempt(secrets.token_urlsafe(32), now, tuple(scopes), viewer, another, back)
    kept = [each for each in _all() if now - each.started_at <= REMEMBERED]
    _keep([*kept[-(LIMIT - 1) :], attempt])
    return attempt


def redeem(state: str | None, now: datetime) -> Attempt:
    """Return the attempt that began with this state, and use it up (rules 9, 12, 17).

    Raises StateRejected if the state is missing, unknown, another browser's, used or too old.
    """
    attempt = _take(state) if state else None
    if attempt is None:
        raise StateRejected(_why_unknown(state))
    if not sign_ins.spend_state(attempt.state, now):
        raise StateRejected("already_done")
    if now - attempt.started_at > LIFE:
        raise StateRejected("expired", attempt)
    return attempt


def _why_unknown(state: str | None) -> str:
    if current_app.config["SESSION_COOKIE_NAME"] not in request.cookies:
        return "cookie_missing"
    return "reloaded" if state and sign_ins.is_state_spent(state) else "older_attempt"


def _take(state: str) -> Attempt | None:
    """Remove and return an attempt of this browser; None if it has none with this state."""
    kept = _all()
    found = next((each for each in kept if _same(each.state, state)), None)
    if found is not None:
        _keep([each for each in kept if each is not found])
        session[_CAME_BACK] = int(found.started_at.timestamp())
    return found


def unfinished(now: datetime) -> bool:
    """Tell whether somebody left for TikTok from here lately and did not come back since."""
    came_back = datetime.fromtimestamp(session.get(_CAME_BACK, 0), UTC)
    gone = [
        each.started_at
        for each in _all()
        if each.started_at > came_back and now - each.started_at <= REMEMBERED
    ]
    if gone:
        # The page asks for this request's reference: it then leads to when they left.
        log.info("attempt_unfinished", left_at=max(gone).isoformat())
    return bool(gone)


def _same(ours: str, theirs: str) -> bool:
    return secrets.compare_digest(ours.encode(), theirs.encode(errors="replace"))


def _all() -> list[Attempt]:
    kept: list[list[Any]] = session.get(_OPEN, [])
    return [
        Attempt(state, datetime.fromtimestamp(started, UTC), tuple(scopes), *rest)
        for state, started, scopes, *rest in kept
    ]


def _keep(attempts: Sequence[Attempt]) -> None:
    fading = len(attempts) - WITH_WAY_BACK
    session[_OPEN] = [
        [
            *(each.state, int(each.started_at.timestamp()), each.scopes),
            *(each.viewer, each.another, each.back if place >= fading else ""),
        ]
        for place, each in enumerate(attempts)
    ]
