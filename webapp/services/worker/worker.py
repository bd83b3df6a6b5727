"""How fast a worker may go; reads no table.

`flask tokens run`: refreshes all that is due, in its own process; never inside gunicorn.

One thread claims, many call, one commits in groups. Claims exactly what it can send.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy.exc import SQLAlchemyError

from webapp.actor import Actor, act_as
from webapp.models import Status
from webapp.problems import Problem
from webapp.services import people
from webapp.services.connect import disconnect
from webapp.services.installation import binding
from webapp.services.operators import bulk_work
from webapp.services.refresh import breaker, rescue_file
from webapp.services.refresh.attempt import attempt, end_if_expired
from webapp.services.refresh.claims import Claim, claim_due
from webapp.services.refresh.due import earliest_due, is_due
from webapp.services.refresh.verdicts import NotSent, Result
from webapp.services.runtime import Context, Runtime
from webapp.services.worker.chores import Chores
from webapp.services.worker.committer import Committer, CounterLog, Counters


class TokenBucket:
    """A bucket of refreshes that fills at REFRESH_RATE and holds one second's worth."""

    def __init__(self, rate: float) -> None:
        """Take refreshes a second."""
        self._rate = self._allowed = rate
        self._filled = min(1.0, rate)
        self._at = time.monotonic()

    def allowance(self, part: float) -> int:
        """Return how many may go out now, at this part of the rate."""
        now = time.monotonic()
        rate = self._allowed = self._rate * part
        self._filled = min(max(rate, 1.0), self._filled + (now - self._at) * rate)
        self._at = now
        return int(self._filled)

    def spend(self, count: int) -> None:
        """Take so many out of the bucket."""
        self._filled -= count

    def wait(self) -> float:
        """Return the seconds until the next one may go out; 0: now."""
        return max(0.0, (1 - self._filled) / self._allowed)


log = structlog.get_logger(__name__)

#: Calls under way at once; at 300 ms each that is 1,000 refreshes a second.
WIDTH = 320
#: The pause after a look, in seconds, so that more than a few places are free at the next one: a
#: look costs the processor as much as thirty claims do.
GROUP_WITHIN = 0.04
#: The longest sleep between two looks at the table, in seconds.
POLL_SECONDS = 1.0
#: The same where somebody waits for the end: with `once`.
POLL_SECONDS_ONCE = 0.05


class Worker:
    """One process that keeps connections fresh until it is told to stop."""

    def __init__(self, runtime: Runtime, context: Context) -> None:
        """Take the runtime, and what opens an app context in a thread."""
        self._runtime = runtime
        self._context = context
        self._stop = threading.Event()
        self._busy = 0
        #: The breaker was open at the last look.
        self._is_held_back = False
        self._lock = threading.Lock()
        self._pace = TokenBucket(runtime.settings.refresh_rate)
        self._bulk = bulk_work.BulkWork(runtime)
        self._tidying = Chores(runtime)
        self.tally = Counters()
        self._diary = CounterLog(self.tally)
        self._committer = Committer(runtime, context, self.tally, self._free)
        #: Why it ended by itself; None: it did not.
        self.refused: Problem | None = None

    def stop(self) -> None:
        """Claim nothing more; calls under way are finished and committed."""
        self._stop.set()

    def run(self, *, once: bool = False) -> None:
        """Work until stopped; `once`: until nothing is due.

        Ends at once, with `refused` set, where the database does not belong to this installation.
        """
        longest = POLL_SECONDS_ONCE if once else POLL_SECONDS
        self.refused = binding.mismatch(self._runtime)
        if self.refused is not None:
            return
        act_as(Actor("worker"))
        binding.record_generation(self._runtime)
        self._committer.start()
        try:
            with ThreadPoolExecutor(WIDTH, "call", act_as, (Actor("worker"),)) as callers:
                while not self._stop.is_set():
                    self._tidying.step()
                    claimed = self._look(callers)
                    if once and not claimed and self._is_done():
                        break
                    self._diary.keep(self._busy)
                    self._stop.wait(GROUP_WITHIN if claimed else min(self._until_next(), longest))
        finally:
            self._committer.end()
            if not once:
                # With `once` the command tells the whole itself, below its bar.
                self._diary.write(self._busy)

    def _look(self, callers: ThreadPoolExecutor) -> int:
        """Claim what can be sent now and hand it to the callers; return how many."""
        with self._lock:
            free = WIDTH - self._busy
        try:
            if rescue_file.has_answers(self._runtime):
                # Before anything is claimed: what lies there was refreshed already.
                rescue_file.replay(self._runtime)
            now = self._runtime.clock()
            permit = breaker.permit(
                self._runtime, free, now, wanted=lambda: is_due(self._runtime, now)
            )
            self._is_held_back = permit.reason is not None
            self._bulk.take(permit)
            count = min(permit.count, self._pace.allowance(permit.pace), free)
            claims = claim_due(self._runtime, count, self._runtime.clock()) if count > 0 else []
        except (SQLAlchemyError, OSError) as error:
            log.warning("look_failed", error=type(error).__name__)
            return 0
        self._pace.spend(len(claims))
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

    def _is_ours(self) -> bool:
        """Look whose database it is once more; after a claim, so that none slips by a copy."""
        try:
            self.refused = binding.mismatch(self._runtime)
        except SQLAlchemyError as error:
            log.warning("look_failed", error=type(error).__name__)
        if self.refused is not None:
            log.error("installation_mismatch", cause=self.refused.cause, fix=self.refused.fix)
        return self.refused is None

    def _call(self, claim: Claim) -> None:
        """Make the call of one claim, in a thread of its own, and queue what came of it."""
        try:
            if claim.status == Status.REVOKING:
                with self._context():
                    self._revoke(claim)
            elif self._is_over(claim):
                with self._context():
                    end_if_expired(self._runtime, claim)
                self.tally.add("grant_over")
            else:
                self._committer.put(attempt(self._runtime, claim))
                return
        except Exception as error:  # noqa: BLE001  a caller that dies would keep its slot
            log.error("call_broke", open_id=claim.open_id, error=type(error).__name__)
            self.tally.add("broke")
        self._free(1)

    def _is_over(self, claim: Claim) -> bool:
        ends = claim.refresh_expires_at
        return ends is not None and ends <= self._runtime.clock()

    def _revoke(self, claim: Claim) -> None:
        user = people.find(claim.person)
        if user is None or user.status != Status.REVOKING:
            return
        # They may have connected again since, or another browser tells TikTok by now.
        if (user.version, user.claim) == (claim.version, claim.name):
            outcome = disconnect.finish_disconnect(self._runtime, user)
            self.tally.add("revoked" if outcome.forgotten else "revoke_again")

    def _free(self, count: int) -> None:
        with self._lock:
            self._busy -= count

    def _is_done(self) -> bool:
        """Tell whether nothing is under way and nothing that could be sent is due."""
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
        """Return the seconds until something is due, at most one."""
        now = self._runtime.clock()
        try:
            due = earliest_due(self._runtime)
        except SQLAlchemyError:
            return POLL_SECONDS
        if due is None or self._is_held_back:
            return POLL_SECONDS
        return min(max((due - now).total_seconds(), self._pace.wait(), GROUP_WITHIN), POLL_SECONDS)
