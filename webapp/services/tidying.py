"""What a worker does once an hour beside its work: small jobs that keep tables small.

A job that fails is tried again an hour later, and never ends the worker. Each must be right with
several workers at it at once, and cost next to nothing where there is nothing to do.
"""

import time
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from webapp.services import figures
from webapp.services.house import House

log = structlog.get_logger(__name__)

EVERY = 3600.0
Job = Callable[[House, datetime], object]
JOBS: tuple[Job, ...] = (figures.fold,)


class Tidying:
    """One worker's round of jobs; the first at its start, so that `--once` under cron tidies."""

    def __init__(self, house: House) -> None:
        """Take the house; the first round is due at once."""
        self._house = house
        self._done_at: float | None = None

    def step(self) -> None:
        """Do every job, if an hour has passed since the last time."""
        passed = time.monotonic()
        if self._done_at is not None and passed - self._done_at < EVERY:
            return
        self._done_at = passed
        for job in JOBS:
            try:
                job(self._house, self._house.clock())
            except SQLAlchemyError as error:
                log.warning("tidying_failed", job=job.__name__, error=type(error).__name__)
