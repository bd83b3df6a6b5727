"""`flask tokens run`: refreshes all that is due, in its own process; never inside gunicorn.

One thread claims, many call, one commits in groups. Claims exactly what it can send.
"""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from webapp.database import reading
from webapp.models import Status, User
from webapp.services import brakes, disconnect, rescue
from webapp.services.claims import Claim, claim_due
from webapp.services.house import House
from webapp.services.landing import GROUP, land
from webapp.services.pace import Pace, Tally
from webapp.services.refresh import attempt, close_over
from webapp.services.verdicts import Result
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

#: Calls under way at once; at 300 ms each that is 850 refreshes a second.
WIDTH = 256
#: The longest sleep between two looks at the table, in seconds.
LOOK_EVERY = 1.0
TELL_EVERY = 60.0

Context = Callable[[], AbstractContextManager[object]]


class Worker:
    """One process that keeps connections fresh until it is told to stop."""

    def __init__(self, house: House, context: Context) -> None:
        """Take the house, and what opens an app context in a thread."""
        self._house = house
        self._context = context
        self._stop = threading.Event()
        self._results: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        self._busy = 0
        self._lock = threading.Lock()
        self._pace = Pace(house.settings.refresh_rate)
        self.tally = Tally()

    def stop(self) -> None:
        """Claim nothing more; calls under way are finished and committed."""
        self._stop.set()

    def run(self, *, once: bool = False, tell: Callable[[Tally], None] | None = None) -> None:
        """Work until stopped; `once`: until nothing is due. `tell` is called after each look."""
        rescue.replay(self._house)
        committer = threading.Thread(target=self._commit, name="committer")
        committer.start()
        told = time.monotonic()
        try:
            with ThreadPoolExecutor(WIDTH, thread_name_prefix="call") as callers:
                while not self._stop.is_set():
                    claimed = self._look(callers)
                    if tell is not None:
                        tell(self.tally)
                    if once and not claimed and self._is_done():
                        break
                    if time.monotonic() - told >= TELL_EVERY:
                        self._log()
                        told = time.monotonic()
                    if not claimed:
                        self._stop.wait(self._until_next())
        finally:
            self._results.put(None)
            committer.join()
            if tell is not None:
                tell(self.tally)
            self._log()

    def _look(self, callers: ThreadPoolExecutor) -> int:
        """Claim what can be sent now and hand it to the callers; return how many."""
        with self._lock:
            free = WIDTH - self._busy
        now = self._house.clock()
        try:
            permit = brakes.permit(self._house, free, now, wanted=lambda: self._is_due(now))
            count = min(permit.count, self._pace.allowance(permit.pace), free)
            claims = claim_due(self._house, count, now) if count > 0 else []
        except SQLAlchemyError as error:
            log.warning("look_failed", error=type(error).__name__)
            return 0
        self._pace.spend(len(claims))
        with self._lock:
            self._busy += len(claims)
        for claim in claims:
            callers.submit(self._call, claim)
        return len(claims)

    def _is_due(self, now: datetime) -> bool:
        due = earliest(self._house)
        return due is not None and due <= now

    def _call(self, claim: Claim) -> None:
        """Make the call of one claim, in a thread of its own, and queue what came of it."""
        try:
            if claim.status == Status.REVOKING:
                with self._context():
                    self._revoke(claim)
            elif self._is_over(claim):
                with self._context():
                    close_over(self._house, claim)
                self.tally.add("grant_over")
            else:
                self._results.put(attempt(self._house, claim))
                return
        except Exception as error:  # noqa: BLE001  a caller that dies would keep its slot
            log.error("call_broke", open_id=claim.open_id, error=type(error).__name__)
            self.tally.add("broke")
        self._free(1)

    def _is_over(self, claim: Claim) -> bool:
        ends = claim.refresh_expires_at
        return ends is not None and ends <= self._house.clock()

    def _revoke(self, claim: Claim) -> None:
        with reading() as session:
            user = session.get(User, claim.user_id)
        if user is not None and user.status == Status.REVOKING:
            outcome = disconnect.finish(self._house, user)
            self.tally.add("revoked" if outcome.forgotten else "revoke_again")

    def _commit(self) -> None:
        """Commit what the callers bring, in groups, until None comes."""
        with self._context():
            ended = False
            while not ended:
                group, ended = self._group()
                if not group:
                    continue
                landed = land(self._house, group)
                for result, stored in zip(group, landed, strict=True):
                    self.tally.add(_word(result, stored))
                self._free(len(group))

    def _group(self) -> tuple[list[Result], bool]:
        """Return what is there, at least one and at most 64, and whether the end was among it."""
        first = self._results.get()
        if first is None:
            return [], True
        group = [first]
        while len(group) < GROUP:
            try:
                more = self._results.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return group, True
            group.append(more)
        return group, False

    def _free(self, count: int) -> None:
        with self._lock:
            self._busy -= count

    def _is_done(self) -> bool:
        """Tell whether nothing is under way and nothing that could be sent is due."""
        with self._lock:
            if self._busy:
                return False
        now = self._house.clock()
        due = earliest(self._house)
        return due is None or due > now or brakes.permit(self._house, 0, now).reason is not None

    def _until_next(self) -> float:
        """Return the seconds until something is due, at most one."""
        now = self._house.clock()
        try:
            due = earliest(self._house)
        except SQLAlchemyError:
            return LOOK_EVERY
        if due is None:
            return LOOK_EVERY
        return min(max((due - now).total_seconds(), 0.01), LOOK_EVERY)

    def _log(self) -> None:
        counts = self.tally.taken()
        if counts:
            log.info("worked", **counts)


def earliest(house: House) -> datetime | None:
    """Return when the next unclaimed connection is due; None if none ever is."""
    with reading() as session:
        # Not min(): the index gives the first row and stops, whatever else is asked of it.
        return session.scalar(
            select(User.next_at)
            .where(User.next_at.is_not(None), User.claim.is_(None))
            .where(User.client_key == house.settings.tiktok_client_key)
            .order_by(User.next_at)
            .limit(1)
        )


def lag(house: House, now: datetime) -> float:
    """Return by how many seconds the worker is late; 0 when nothing is overdue.

    Needs no heartbeat: a dead worker shows as a lag that grows.
    """
    due = earliest(house)
    return max(0.0, (now - due).total_seconds()) if due is not None else 0.0


def _word(result: Result, stored: bool) -> str:
    if isinstance(result.answer, TokenSet):
        return "refreshed" if stored else "came_late"
    return "failed"
