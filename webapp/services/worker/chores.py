"""Hourly chores of the worker that keep tables small.

A chore that fails is tried again an hour later and never stops the worker. Several workers may run
the same chore at the same time."""

import time
from collections.abc import Callable
from datetime import datetime

import structlog

from webapp.services.installation import binding
from webapp.services.operators import bulk_work
from webapp.services.records import audit, figures
from webapp.services.runtime import Runtime

log = structlog.get_logger(__name__)

EVERY = 3600.0


def _record_generation(runtime: Runtime, _now: datetime) -> bool:
    """Note how far the database has come."""
    binding.record_generation(runtime)
    return False


def _old_events(runtime: Runtime, now: datetime) -> bool:
    return audit.remove_old(runtime, now) == audit.REMOVED_AT_ONCE


def _old_jobs(runtime: Runtime, _now: datetime) -> bool:
    return bool(bulk_work.remove_old_items(runtime))


#: Each does a little at a time and says whether something is left for the next.
Chore = Callable[[Runtime, datetime], bool]
CHORES: tuple[Chore, ...] = (_record_generation, figures.fold_old_minutes, _old_events, _old_jobs)


class Chores:
    """One worker's round of jobs; the first at its start, so that `--once` under cron tidies."""

    def __init__(self, runtime: Runtime) -> None:
        """Take the runtime; the first round is due at once."""
        self._runtime = runtime
        self._next_at = time.monotonic()
        self._left = list(CHORES)

    def step(self) -> None:
        """Do a little of what is left of this round; begin the next an hour after the last."""
        passed = time.monotonic()
        if not self._left and passed >= self._next_at:
            self._left = list(CHORES)
        if not self._left:
            return
        self._left = [job for job in self._left if self._is_left(job)]
        self._next_at = passed + EVERY

    def _is_left(self, job: Chore) -> bool:
        try:
            return job(self._runtime, self._runtime.clock())
        except Exception as error:  # noqa: BLE001  keeping connections fresh must not stop with it
            log.warning("tidying_failed", job=job.__name__, error=type(error).__name__)
            return False
