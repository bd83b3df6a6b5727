"""`flask tokens run`: the worker as a process, from its start to its end; refreshes nothing itself.

Signals only set a mark: the worker runs in a thread of its own, so that none ever interrupts it
between TikTok's answer and the commit.
"""

import gc
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import click
import structlog
from flask import Flask, current_app
from flask.cli import with_appcontext

from webapp.cli.console import Progress, fail, fail_with, migrated_runtime
from webapp.services.maintenance import troubles
from webapp.services.notifications.delivery import Delivery
from webapp.services.refresh import breaker, due
from webapp.services.runtime import Runtime
from webapp.services.worker.worker import Worker

log = structlog.get_logger(__name__)

#: Seconds between two looks at signals and progress.
LOOK_EVERY = 0.2


@click.command("run")
@click.option("--once", is_flag=True, help="Refresh all that is due, then end: for cron.")
@with_appcontext
def run(once: bool) -> None:
    """Keep connections fresh until SIGTERM or Ctrl-C, which lets calls under way be finished."""
    at = migrated_runtime()
    _refuse_unfit(at)
    # The real app: threads do not see the one of this context.
    app = cast(Flask, cast(Any, current_app)._get_current_object())
    worker, notices = Worker(at, app.app_context), Delivery(at, app.app_context)
    late = due.overdue(at, at.clock()) if once else 0
    log.info("worker_started", once=once, rate=at.settings.refresh_rate)
    with (
        _few_interruptions(),
        _signals() as asked,
        Progress("Refreshed", late) if once else nullcontext() as shown,
        ThreadPoolExecutor(1, thread_name_prefix="worker") as alone,
    ):
        working = alone.submit(_in_context, app, worker, notices, once)
        _watch(working, worker, notices, asked, shown)
    if worker.refused is not None:
        _refuse_unfit(at)
    counts = worker.counters.snapshot()
    log.info("worker_ended", **counts)
    if once:
        done = ", ".join(f"{word} {count}" for word, count in counts.items())
        left = due.overdue(at, at.clock())
        click.echo(done or ("nothing done" if left else "nothing due"))
        _tell_left(at, left, stopped=bool(asked))


def _in_context(app: Flask, worker: Worker, notices: Delivery, once: bool) -> None:
    with app.app_context():
        notices.start()
        try:
            worker.run(once=once)
        finally:
            # What this very run has to tell is told before it ends.
            notices.end(drain=once and worker.refused is None)


def _watch(
    working: Future[None],
    worker: Worker,
    notices: Delivery,
    asked: list[int],
    shown: Progress | None,
) -> None:
    """Return when the worker has ended; hand on what signals ask, show how far it is."""
    try:
        while not working.done():
            wait([working], timeout=LOOK_EVERY)
            if asked:
                worker.stop()
                notices.stop()
            if shown is not None:
                shown.at(worker.counters.total())
    finally:
        worker.stop()
        notices.stop()
    working.result()


@contextmanager
def _few_interruptions() -> Iterator[None]:
    """Let the interpreter look for garbage and change threads less often than it does for others.

    Hundreds of threads that wait for TikTok lose nothing by it. A refresh costs 0.92 of the CPU
    that it did, a worker goes 1.07 times as fast (benchmarks.refreshing, four runs each in turn).
    """
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    sys.setswitchinterval(0.05)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.set_threshold(*thresholds)
        gc.unfreeze()


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Give a list that holds a number as soon as somebody asks for the end."""
    asked: list[int] = []
    signs = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(sign, lambda number, _frame: asked.append(number)) for sign in signs]
    try:
        yield asked
    finally:
        for sign, handler in zip(signs, before, strict=True):
            signal.signal(sign, handler)


def _refuse_unfit(at: Runtime) -> None:
    """End with 1, and what to do, where no worker may run."""
    found = troubles.refusal(at)
    if found is not None:
        fail_with("No worker may run here.", found)


def _tell_left(at: Runtime, left: int, *, stopped: bool) -> None:
    """End with 1 and the reason if connections that are due had to be left."""
    _refuse_unfit(at)
    held = breaker.open_problem(at)
    if left and held is not None:
        fail(f"{left} connections are still due: {held.cause}; {held.fix}")
    if left and stopped:
        fail(f"{left} connections are still due: it was stopped")
