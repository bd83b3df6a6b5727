"""The story of one made-up connection: its columns, its history and its audit events, which agree.

The sandbox is asked to hold the same consent, for as long and with the same failures (`plan`).
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from webapp.actor import Actor
from webapp.models import Status
from webapp.services.records import history, refresh_days
from webapp.services.records.audit import Field
from webapp.services.refresh import schedule

WORKER = Actor("worker")
#: Refreshes in a history; the row has room for about twenty.
_REFRESHES_KEPT = 7
#: Refreshes that are counted by day: more than there can be of tokens that live a day.
_REFRESHES_COUNTED = 100
_DAYS_COUNTED = timedelta(days=refresh_days.KEPT)
#: Addresses that belong to nobody (RFC 5737).
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
_MINUTE = timedelta(minutes=1)
#: The share of an access token's lifetime after which it is refreshed, on average.
_USUAL_SHARE = 0.625


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long access tokens and consents live at the mock TikTok."""

    access: timedelta = timedelta(days=1)
    grant: timedelta = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Event:
    """One audit event of a story, or of an operator."""

    at: datetime
    actor: Actor
    name: str
    #: None: it isn't about a connection.
    ticket: str | None
    fields: Mapping[str, Field] = field(default_factory=dict)


@dataclass(slots=True)
class Story:
    """One connection from the first consent until `now`; the functions of `states` fill it."""

    ticket: str
    scope: str
    lifetimes: Lifetimes
    now: datetime
    random: Random
    columns: dict[str, Any] = field(default_factory=dict)
    #: What the sandbox is asked to plan for the consent: see /control/crowd in sandbox/README.md.
    plan: dict[str, Any] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    _entries: list[str] = field(default_factory=list)
    #: Every refresh of the last days (when, whether it worked), also those without an entry.
    _refreshed: list[tuple[datetime, bool]] = field(default_factory=list)

    def uniform(self, low: float, high: float) -> float:
        """Return a pseudo-random number, the same for the same person."""
        return self.random.uniform(low, high)

    def works_until(
        self,
        last: datetime,
        *,
        life: timedelta | None = None,
        grant_ends: datetime | None = None,
    ) -> None:
        """Connect some time ago, and refresh as scheduled until `last`.

        `life`: that of the last access token, if it differs from the usual one. `grant_ends`: when
        the consent ended; None: it still holds.
        """
        grant, access = self.lifetimes.grant, self.lifetimes.access
        # Most connected in the last weeks; a few will soon have to connect again.
        oldest = max(_MINUTE, grant * 0.97 - (self.now - last))
        connected = last - oldest * self.uniform(0, 1) ** 2
        if grant_ends is not None:
            connected = grant_ends - grant
        if last - connected < access / 2:
            connected = last
        first = self._first_connected(connected)
        refreshed = self._refresh(connected, last)
        used = last + (self.now - last) * self.uniform(0, 1)
        self.columns = {
            "created_at": first,
            "connected_at": connected,
            "exchange_sent_at": connected,
            "refreshes": refreshed,
            "version": refreshed + (1 if first == connected else 2),
            "refreshed_at": last,
            "last_used_at": used if self.uniform(0, 1) < 0.9 else None,
            "access_expires_at": last + (life or access),
            "refresh_expires_at": connected + grant,
            "next_at": None,
            "status": Status.ACTIVE.value,
            **dict.fromkeys(("reason", "ended_at", "refused_at", "failing_since")),
            "interrupted": False,
            "failures": 0,
            "last_error": None,
            "last_log_id": None,
        }

    def _first_connected(self, connected: datetime) -> datetime:
        """Record the consents; one in five people has connected twice. Return the first time."""
        first = connected
        if self.uniform(0, 1) < 0.2:
            first = connected - timedelta(days=self.uniform(2, 60))
            self._connected(first, "new")
        self._connected(connected, "new" if first == connected else "again")
        return first

    def _connected(self, at: datetime, kind: str) -> None:
        self.happens(at, self.person(), "connection.connected", kind=kind, scopes=self.scope)

    def _refresh(self, connected: datetime, last: datetime) -> int:
        """Add the latest refreshes to the history; return how many there were in all."""
        access, times = self.lifetimes.access, [last]
        counted = self.now - _DAYS_COUNTED
        while len(times) < _REFRESHES_KEPT or (
            times[-1] > counted and len(times) < _REFRESHES_COUNTED
        ):
            before = times[-1] - access * self.uniform(0.5, 0.75)
            if before - connected < access / 2:
                break
            times.append(before)
        if last == connected:
            return 0
        self._refreshed += [(at, True) for at in times[_REFRESHES_KEPT:]]
        kept = times[:_REFRESHES_KEPT]
        bump = len(kept) - 2 if len(kept) > 3 and self.uniform(0, 1) < 0.25 else None
        for number, at in enumerate(reversed(kept)):
            if number == bump:
                self.fails(at - timedelta(seconds=self.uniform(40, 60)), "temporarily_unavailable")
            self.entry(at, "refreshed")
        return max(len(times), int((last - connected) / (access * _USUAL_SHARE)))

    def fails(self, at: datetime, code: str, word: str = "failed") -> None:
        """Let one refresh fail with a code of TikTok's, or of ours if it didn't answer."""
        answered = code != "timeout"
        log_id = f"{at:%Y%m%d%H%M%S}{self.random.getrandbits(72):018X}" if answered else ""
        self.entry(at, word, code, log_id, self._milliseconds() if answered else 10_000)
        self.columns |= {"last_error": code, "last_log_id": log_id or None}

    def entry(
        self, at: datetime, word: str, code: str = "", log_id: str = "", ms: int | None = None
    ) -> None:
        """Add an entry of the worker's to the history."""
        taken = self._milliseconds() if ms is None else ms
        self._refreshed.append((at, word == "refreshed"))
        self._entries.append(history.format_entry(at, word, WORKER, taken, code, log_id))

    def keeps_failing(self, since: datetime, code: str) -> datetime:
        """Let every refresh since then fail; return when the next one is."""
        *tries, again = self.tries(since, self.columns["access_expires_at"])
        for at in tries:
            self.fails(at, code)
        self.columns |= {"failures": len(tries), "failing_since": since}
        return again

    def tries(self, since: datetime, access_ends: datetime | None) -> list[datetime]:
        """Return when something that always fails is tried, by the real schedule.

        The last try is still to come.
        """
        tries = [since]
        while tries[-1] <= self.now:
            # The schedule counts the failures before this one.
            tries.append(schedule.back_off(len(tries) - 1, tries[-1], access_ends))
        return tries

    def forget_past(self) -> None:
        """Drop the history and the audit events."""
        self._entries.clear()
        self._refreshed.clear()
        self.events.clear()

    def happens(self, at: datetime, actor: Actor, event: str, **fields: Field) -> None:
        """Add an audit event about this connection."""
        self.events.append(Event(at, actor, event, self.ticket, fields))

    def person(self) -> Actor:
        """Return the person in a request."""
        return self.requester("person", self.ticket)

    def requester(self, kind: Any, name: str) -> Actor:
        """Return someone in a request from a made-up address."""
        address = f"{self.random.choice(_NETWORKS)}.{self.random.randrange(1, 255)}"
        return Actor(kind, name, address, secrets.token_hex(6))

    @property
    def history(self) -> str | None:
        """Return the value of `User.history`: newest first, whole entries only."""
        text = "".join(reversed(self._entries))[: history.LONGEST]
        return text[: text.rfind("\n") + 1] or None

    @property
    def refresh_days(self) -> str:
        """Return the value of `User.refresh_days`."""
        return refresh_days.format_days(self._refreshed)

    def _milliseconds(self) -> int:
        return int(self.random.lognormvariate(4.7, 0.4))


def oldest_first(stories: Iterable[Story]) -> list[Event]:
    """Return the audit events of several stories in the order in which they happened."""
    return sorted((event for story in stories for event in story.events), key=lambda e: e.at)
