"""Every state that a made-up connection can be in, and how it came to be in it."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from demo.story import WORKER, Story
from webapp.actor import Actor
from webapp.models import Health, Reason, Status, connection_state
from webapp.services.refresh.verdicts import SECOND_REFUSAL_AFTER

State = Callable[[Story], None]

#: How TikTok refuses the refreshes that fail: its own codes, planned in the sandbox.
ERRORS = ("temporarily_unavailable", "server_error")
#: After so many further refusals it works again. If it never did, it would be tried every few
#: seconds before its access expires, and in a small demo the breaker would open.
_REFUSALS = (3, 6)
#: Why people must reconnect; the frequent reasons several times.
_REASONS = (
    *[Reason.REFUSED] * 5,
    *[Reason.REMOVED_1] * 4,
    *[Reason.GRANT_OVER] * 3,
    *[Reason.INTERRUPTED] * 2,
    *(Reason.REMOVED_0, Reason.REMOVED_2, Reason.REMOVED_3, Reason.REMOVED_4),
)
#: The lifetime of a token that expires soon although it was refreshed in time.
_SHORT = timedelta(minutes=45)
#: How long a refresh is overdue at the start. After a longer time, the worker would be reported as
#: late.
_JUST_DUE = timedelta(minutes=2)


def healthy(story: Story) -> None:
    """It works, and the next refresh is planned."""
    _scheduled(story, story.lifetimes.access * story.uniform(0.5, 0.75), story.uniform(0.03, 0.96))


def soon(story: Story) -> None:
    """It works, but the access token was one of a short life."""
    _scheduled(story, _SHORT * story.uniform(0.55, 0.75), story.uniform(0.65, 0.96), _SHORT)


def due(story: Story) -> None:
    """It works, and the worker refreshes it as soon as it starts."""
    wait = story.lifetimes.access * story.uniform(0.5, 0.75)
    _scheduled(story, wait, (wait + _JUST_DUE) / wait)


def expired(story: Story) -> None:
    """The access token has expired, and the worker refreshes it as soon as it starts."""
    story.works_until(story.now - story.lifetimes.access - timedelta(minutes=30))
    story.columns["next_at"] = story.now - _JUST_DUE
    story.plan = {"expires_in": 0}


def failing(story: Story) -> None:
    """TikTok refuses every refresh, for another while."""
    code = story.random.choice(ERRORS)
    # Shortly before the access expires it would be tried every few seconds, and fill the timeline.
    since = story.now - timedelta(minutes=story.uniform(4, 28))
    story.works_until(since - story.lifetimes.access * story.uniform(0.5, 0.62))
    again = story.keeps_failing(since, code)
    story.columns |= {"status": Status.FAILING.value, "next_at": again}
    story.plan = {"expires_in": _seconds_left(story, "access_expires_at"), **_refusals(story, code)}
    story.plan |= _consent_left(story)


def reconnect(story: Story) -> None:
    """Only the person can fix it, for one of several reasons."""
    _reconnect(story, story.random.choice(_REASONS))


def refused(story: Story) -> None:
    """TikTok has refused the refresh twice."""
    _reconnect(story, Reason.REFUSED)


def revoking(story: Story) -> None:
    """The person disconnected, and TikTok hasn't confirmed it yet."""
    healthy(story)
    code = story.random.choice(ERRORS)
    since = story.now - timedelta(minutes=story.uniform(5, 50))
    # The last refresh can't have been later.
    since = max(since, story.columns["refreshed_at"] + timedelta(seconds=30))
    story.happens(since, story.person(), "connection.disconnect_ordered")
    *tries, again = story.tries(since, None)
    story.columns |= connection_state.revoking(since, again)
    story.columns |= {"failures": len(tries), "last_error": code}
    story.columns["version"] += 1
    story.plan |= _refusals(story, code)


def revoked(story: Story) -> None:
    """The person disconnected, and TikTok confirmed it."""
    since = story.now - timedelta(days=80) * story.uniform(0.01, 1) ** 2
    story.works_until(since - story.lifetimes.access * story.uniform(0.05, 0.5))
    story.happens(since, story.person(), "connection.disconnect_ordered")
    after = since + timedelta(milliseconds=story.uniform(90, 400))
    story.happens(after, WORKER, "connection.revoked", confirmed=True, code="")
    story.columns |= connection_state.forgotten() | connection_state.revoked()
    story.columns |= {"ended_at": since, **connection_state.error("")}
    story.columns["version"] += 2
    _unused_after(story, since)
    story.plan = {"ended": "revoked"}


def _scheduled(
    story: Story, wait: timedelta, elapsed: float, life: timedelta | None = None
) -> None:
    """Let the last refresh have been `elapsed` of its wait ago, and plan the next one."""
    last = story.now - wait * elapsed
    story.works_until(last, life=life)
    story.columns["next_at"] = last + wait
    story.plan = {"expires_in": _seconds_left(story, "access_expires_at")} | _consent_left(story)


def _refusals(story: Story, code: str) -> dict[str, str | int]:
    return {"error": code, "times": story.random.randint(*_REFUSALS)}


def _consent_left(story: Story) -> dict[str, int]:
    return {"refresh_expires_in": _seconds_left(story, "refresh_expires_at")}


def _seconds_left(story: Story, column: str) -> int:
    left: timedelta = story.columns[column] - story.now
    return max(0, round(left.total_seconds()))


def _unused_after(story: Story, end: datetime) -> None:
    used = story.columns["last_used_at"]
    story.columns["last_used_at"] = used and min(used, end)


def _reconnect(story: Story, reason: Reason) -> None:
    since = story.now - timedelta(days=50) * story.uniform(0.005, 1) ** 2
    over = since if reason is Reason.GRANT_OVER else None
    last = since - story.lifetimes.access * story.uniform(0.5, 0.75)
    story.works_until(last, grant_ends=over)
    if reason.startswith("removed_"):
        story.happens(since, Actor("tiktok"), "connection.deauthorized", reason=reason.value)
        story.columns |= connection_state.forgotten() | connection_state.removed(reason, since)
    else:
        if reason is not Reason.GRANT_OVER:
            _refuse_twice(story, since, interrupted=reason is Reason.INTERRUPTED)
        code = story.columns["last_error"] or ""
        event = "connection.reconnect_required"
        story.happens(since, WORKER, event, reason=reason.value, code=code)
        story.columns |= connection_state.needs_person(reason, since)
    _unused_after(story, since)
    story.plan = {"expires_in": 0, "ended": "deauthorized"}


def _refuse_twice(story: Story, since: datetime, *, interrupted: bool) -> None:
    """Let the refresh fail as it must for `needs_person`: refused twice, a minute apart."""
    first = since - SECOND_REFUSAL_AFTER - timedelta(seconds=1)
    if interrupted:
        story.fails(first - timedelta(seconds=14), "timeout")
    story.fails(first, "invalid_grant")
    story.fails(since, "invalid_grant", "needs_user")
    failures = 2 if interrupted else 1
    story.columns |= {"failures": failures, "refused_at": first, "interrupted": interrupted}


#: How the made-up people of each health came to be there; the other healths pass within seconds.
STATES: Mapping[Health, State] = {
    Health.FRESH: healthy,
    Health.DUE: due,
    Health.EXPIRED: expired,
    Health.FAILING: failing,
    Health.RECONNECT: refused,
    Health.REVOKED: revoked,
}
#: Out of a thousand people: each state up to its limit. All others are healthy.
SHARES = ((2, revoking), (10, revoked), (30, reconnect), (50, failing), (70, soon))


def state_at(thousandth: float) -> State:
    """Return the state of a person, by a number from 0 to 1000."""
    return next((state for limit, state in SHARES if thousandth < limit), healthy)
