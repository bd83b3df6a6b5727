"""The one thread of a worker that writes answers into rows, in groups; claims and calls nothing.

Many threads that commit by themselves lose answers to "database is locked" after TikTok has
rotated; one that takes what has queued up loses none (token-keeping in docs/decisions).
"""

import queue
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from webapp import acting
from webapp.acting import Actor
from webapp.services.house import House
from webapp.services.refresh.landing import GROUP, land
from webapp.services.refresh.verdicts import NotSent, Result
from webapp.services.worker.tally import Tally
from webapp.tokens import TokenSet

Context = Callable[[], AbstractContextManager[object]]


class Committer:
    """Takes results as they come and lands them until it is ended."""

    def __init__(
        self, house: House, context: Context, tally: Tally, free: Callable[[int], None]
    ) -> None:
        """Take the house, what opens an app context, and whom to tell that results are in."""
        self._house = house
        self._context = context
        self._tally = tally
        self._free = free
        self._results: queue.SimpleQueue[Result | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._commit, name="committer")

    def start(self) -> None:
        """Begin to land what comes."""
        self._thread.start()

    def put(self, result: Result) -> None:
        """Take one result; it is landed soon."""
        self._results.put(result)

    def end(self) -> None:
        """Return when all that was put is in."""
        self._results.put(None)
        self._thread.join()

    def _commit(self) -> None:
        acting.begin(Actor("worker"))
        with self._context():
            ended = False
            while not ended:
                group, ended = self._group()
                if not group:
                    continue
                for result, stored in zip(group, land(self._house, group), strict=True):
                    if not isinstance(result.answer, NotSent):
                        self._tally.add(_word(result, stored))
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


def _word(result: Result, stored: bool) -> str:
    if isinstance(result.answer, TokenSet):
        return "refreshed" if stored else "came_late"
    return "failed"
