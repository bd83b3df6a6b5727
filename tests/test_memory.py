"""A worker of gunicorn gives its threads few heaps, so memory doesn't grow with their number."""

import re
import subprocess
import sys

import pytest

from tests.missing import missing
from tests.processes import ROOT, plain_environment
from webapp.gunicorn_worker import HEAPS

#: More threads than heaps allocate at the same time, in the place where gunicorn would serve.
PROGRAM = """
import ctypes, threading
from gunicorn.workers.gthread import ThreadWorker
from webapp.gunicorn_worker import Worker

def allocate(together):
    together.wait()
    kept = [bytearray(10_000) for _ in range(100)]
    together.wait()

def serve(worker):
    together = threading.Barrier(12)
    threads = [threading.Thread(target=allocate, args=(together,)) for _ in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    ctypes.CDLL(None).malloc_stats()

ThreadWorker.init_process = serve
Worker.init_process(object.__new__(Worker))
"""


def heaps(**env: str) -> int:
    """Return how many heaps glibc says that a worker's threads had."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=plain_environment() | env,
        capture_output=True,
        text=True,
        timeout=30,
    )
    if "malloc_stats" in run.stderr:
        missing("this C library doesn't say how many heaps there are")
    assert run.returncode == 0, run.stderr
    return len(re.findall(r"^Arena \d+:", run.stderr, re.MULTILINE))


def test_the_threads_of_a_worker_share_a_few_heaps() -> None:
    assert heaps() == HEAPS


@pytest.mark.parametrize("number", [1, 4])
def test_the_environment_may_ask_for_another_number(number: int) -> None:
    assert heaps(MALLOC_ARENA_MAX=str(number)) == number
