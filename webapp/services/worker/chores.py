"""Hourly chores of the worker, most of which keep tables small.

A chore that fails is tried again an hour later and never stops the worker. Several workers may run
the same chore at the same time.
"""

import time
from collections.abc import Callable
from datetime import datetime

import structlog

from webapp.database import scrub
from webapp.services.connect import spent_states
from webapp.services.installation import binding
from webapp.services.operators import bulk_work
from webapp.services.records import audit, figures
from webapp.services.refresh import clock_errors
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

#: Seconds between two rounds.
EVERY = 3600.0


def _record_generation(runtime: Runtime, _now: datetime) -> bool:
    """Count the generation up, to detect a database that was reset to an earlier state."""
    binding.record_generation(runtime)
    return False


def _old_events(runtime: Runtime, now: datetime) -> bool:
    return audit.remove_old(runtime, now) == audit.REMOVED_AT_ONCE


def _old_jobs(runtime: Runtime, _now: datetime) -> bool:
    if bulk_work.remove_old_items(runtime):
        return True
    bulk_work.remove_old_jobs(runtime)
    return False


def _old_states(_runtime: Runtime, now: datetime) -> bool:
    return spent_states.remove_old(now)


def _scrub(_runtime: Runtime, _now: datetime) -> bool:
    """Remove deleted people from SQLite's log, if a reader prevented that when they left."""
    if not scrub(patient=False):
        log.warning("not_scrubbed", reason="another process is reading the database")
    return False


#: Does a small part of its work, and returns True if some is left.
Chore = Callable[[Runtime, datetime], bool]
CHORES: tuple[Chore, ...] = (
    _record_generation,
    clock_errors.repair,
    figures.fold_old_minutes,
    _old_events,
    _old_jobs,
    _old_states,
    _scrub,
)


class Chores:
    """One worker's rounds of chores; the first at its start, so `--once` does them too."""

    def __init__(self, runtime: Runtime) -> None:
        """Store the runtime; the first round is due immediately."""
        self._runtime = runtime
        self._next_at = time.monotonic()
        self._left = list(CHORES)

    def step(self) -> None:
        """Do a small part of this round; begin the next one an hour after the last."""
        passed = time.monotonic()
        if not self._left and passed >= self._next_at:
            self._left = list(CHORES)
        if not self._left:
            return
        self._left = [chore for chore in self._left if self._is_left(chore)]
        self._next_at = passed + EVERY

    def _is_left(self, chore: Chore) -> bool:
        try:
            return chore(self._runtime, self._runtime.clock())
        except Exception as error:  # noqa: BLE001  refreshes must not stop with it
            log.warning("chore_failed", chore=chore.__name__, error=type(error).__name__)
            return False
