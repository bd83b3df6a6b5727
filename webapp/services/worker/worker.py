"""The worker behind `flask tokens run`: refreshes everything that is due, in its own process.

One thread claims, many call TikTok, one commits in groups. It claims only what it can send.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy.exc import SQLAlchemyError

from webapp.actor import Actor, act_as, acting_as
from webapp.models import Status
from webapp.problems import Problem
from webapp.services import people
from webapp.services.connect import disconnect
from webapp.services.installation import binding
from webapp.services.operators import bulk_work
from webapp.services.records import audit
from webapp.services.refresh import breaker, rescue_file
from webapp.services.refresh.attempt import attempt, end_if_expired
from webapp.services.refresh.claims import Claim, claim_due
from webapp.services.refresh.due import earliest_due, is_due
from webapp.services.refresh.verdicts import NotSent, Result
from webapp.services.runtime import Context, Runtime
from webapp.services.worker.chores import Chores
from webapp.services.worker.committer import Committer, Counters

log = structlog.get_logger(__name__)

#: Concurrent calls; at 300 ms each that is about 1,000 refreshes a second.
WIDTH = 320
#: The pause after a poll that claimed something, in seconds, so the next one has more than a few
#: free slots: a poll costs as much CPU time as thirty claims.
GROUP_WITHIN = 0.04
#: One of so many polls begins with bulk jobs, so a backlog doesn't hold them up forever.
BULK_FIRST = 4
#: The longest pause between two polls of the table, in seconds.
POLL_SECONDS = 1.0
#: The same with `once`, when someone waits for the end.
POLL_SECONDS_ONCE = 0.05

_WORKER = Actor("worker")


class TokenBucket:
    """A token bucket of refreshes, filled at REFRESH_RATE and holding one second's worth."""

    def __init__(self, rate: float) -> None:
        """Set the rate in refreshes per second."""
        self._rate = self._allowed = rate
        self._filled = min(1.0, rate)
        self._at = time.monotonic()

    def allowance(self, factor: float) -> int:
        """Return how many may be sent now, at this fraction of the rate."""
        now = time.monotonic()
        rate = self._allowed = self._rate * factor
        self._filled = min(max(rate, 1.0), self._filled + (now - self._at) * rate)
        self._at = now
        return int(self._filled)

    def spend(self, count: int) -> None:
        """Take `count` out of the bucket."""
        self._filled -= count

    def wait(self) -> float:
        """Return the seconds until the next one may be sent; 0: now."""
        return max(0.0, (1 - self._filled) / self._allowed)


class Worker:
    """One process that refreshes connections until it is stopped."""

    def __init__(self, runtime: Runtime, context: Context) -> None:
        """Store the runtime, and a function that opens an app context in a thread."""
        self._runtime = runtime
        self._context = context
        self._stop = threading.Event()
        self._busy = 0
        #: The breaker was open at the last poll.
        self._is_held_back = False
        self._lock = threading.Lock()
        self._bucket = TokenBucket(runtime.settings.refresh_rate)
        self._bulk = bulk_work.BulkWork(runtime)
        self._polls = 0
        self._chores = Chores(runtime)
        self.counters = Counters()
        self._committer = Committer(runtime, context, self.counters, self._free)
        #: Why it stopped by itself; None: it did not.
        self.refused: Problem | None = None

    def stop(self) -> None:
        """Claim nothing more; calls in progress are finished and committed."""
        self._stop.set()

    def run(self, *, once: bool = False) -> None:
        """Work until stopped; `once`: until nothing is due.

        Returns immediately, with `refused` set, if the database does not belong to this
        installation.
        """
        longest = POLL_SECONDS_ONCE if once else POLL_SECONDS
        self.refused = binding.mismatch(self._runtime)
        if self.refused is not None:
            return
        act_as(_WORKER)
        self._committer.start()
        try:
            with ThreadPoolExecutor(WIDTH, "call", act_as, (_WORKER,)) as callers:
                while not self._stop.is_set():
                    self._chores.step()
                    claimed = self._poll(callers)
                    if once and not claimed and self._is_done():
                        break
                    self.counters.log_if_due(self._busy)
                    self._stop.wait(GROUP_WITHIN if claimed else min(self._until_next(), longest))
        finally:
            self._committer.end()
            if not once:
                # With `once` the command prints the totals itself.
                self.counters.log(self._busy)

    def _poll(self, callers: ThreadPoolExecutor) -> int:
        """Claim what can be sent now and hand it to the callers; return how many."""
        with self._lock:
            free = WIDTH - self._busy
        try:
            if rescue_file.has_answers(self._runtime):
                # Before anything is claimed: the connections in it were refreshed already.
                rescue_file.replay(self._runtime)
            now = self._runtime.clock()
            permit = breaker.permit(
                self._runtime, free, now, wanted=lambda: is_due(self._runtime, now)
            )
            self._is_held_back = permit.reason is not None
            self._bulk.step()
            count = min(permit.count, self._bucket.allowance(permit.pace), free)
            claims = self._claim(count, with_jobs=permit.reason is None)
        except (SQLAlchemyError, OSError) as error:
            log.warning("poll_failed", error=type(error).__name__)
            return 0
        self._bucket.spend(len(claims))
        with self._lock:
            self._busy += len(claims)
        if claims and not self._is_ours():
            for claim in claims:
                self._committer.put(Result(claim, NotSent(), self._runtime.clock()))
            self.stop()
            return 0
        for claim in claims:
            callers.submit(self._call, claim)
        return len(claims)

    def _claim(self, count: int, *, with_jobs: bool) -> list[Claim]:
        """Claim up to `count` connections: those that are due, and those of bulk jobs."""
        if count <= 0:
            return []
        with_jobs = with_jobs and self._bulk.is_waiting
        self._polls += 1
        if with_jobs and self._polls % BULK_FIRST == 0:
            claims = self._bulk.claim(count)
            if claims:
                return claims
        due = claim_due(self._runtime, count, self._runtime.clock())
        return due + (self._bulk.claim(count - len(due)) if with_jobs else [])

    def _is_ours(self) -> bool:
        """Check the binding again; after the claim, so a copy made meanwhile is noticed."""
        try:
            self.refused = binding.mismatch(self._runtime)
        except SQLAlchemyError as error:
            log.warning("binding_not_checked", error=type(error).__name__)
        if self.refused is not None:
            log.error("installation_mismatch", cause=self.refused.cause, fix=self.refused.fix)
        return self.refused is None

    def _call(self, claim: Claim) -> None:
        """Make the call of one claim, in its own thread, and queue the result."""
        with acting_as(claim.by or _WORKER):
            self._act(claim)

    def _act(self, claim: Claim) -> None:
        try:
            if claim.user.status == Status.REVOKING:
                with self._context():
                    self._revoke(claim)
            elif claim.user.grant_over(self._runtime.clock()):
                with self._context():
                    end_if_expired(self._runtime, claim)
                self.counters.add("grant_over")
            else:
                self._committer.put(attempt(self._runtime, claim))
                return
        except Exception as error:  # noqa: BLE001  a thread that dies would keep its slot
            log.error("call_crashed", open_id=claim.user.open_id, error=type(error).__name__)
            self.counters.add("broke")
        self._free(1)

    def _revoke(self, claim: Claim) -> None:
        user = people.find(claim.user.ref)
        if user is None or user.status != Status.REVOKING:
            return
        # They may have connected again, or another browser may be revoking it by now.
        if (user.version, user.claim) == (claim.user.version, claim.name):
            with acting_as(
                claim.by or audit.worker_of("connection.disconnect_ordered", user.ticket)
            ):
                outcome = disconnect.finish_disconnect(self._runtime, user)
            self.counters.add("revoked" if outcome.forgotten else "revoke_again")

    def _free(self, count: int) -> None:
        with self._lock:
            self._busy -= count

    def _is_done(self) -> bool:
        """Return True if nothing is in progress, and nothing that could be sent is due."""
        with self._lock:
            if self._busy:
                return False
        now = self._runtime.clock()
        try:
            held = breaker.permit(self._runtime, 0, now).reason is not None
            return held or not (is_due(self._runtime, now) or bulk_work.is_open(self._runtime))
        except SQLAlchemyError:
            return True

    def _until_next(self) -> float:
        """Return the seconds until something is due, at most POLL_SECONDS."""
        now = self._runtime.clock()
        try:
            due = earliest_due(self._runtime)
        except SQLAlchemyError:
            return POLL_SECONDS
        if self._is_held_back:
            return POLL_SECONDS
        if self._bulk.is_waiting:
            due = now
        if due is None:
            return POLL_SECONDS
        return min(
            max((due - now).total_seconds(), self._bucket.wait(), GROUP_WITHIN), POLL_SECONDS
        )
