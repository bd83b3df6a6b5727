"""Counts HTTP requests and database writes for Prometheus, over all processes of a server.

If PROMETHEUS_MULTIPROC_DIR is set before this is imported (gunicorn.conf.py does so), each process
counts in a file of its own there. Labels are endpoints, methods and status classes, no people.
"""

import os
import struct
from collections.abc import Iterable
from functools import lru_cache

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

#: In seconds. A hand-out takes some milliseconds; a refresh on demand may take ten seconds.
BUCKETS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0)
#: In seconds. A write takes a few milliseconds, more if the disk is slow, and waits at most ten
#: seconds.
WRITE_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0)
#: All other methods count as "other", so callers can't create new series.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Reading fails while a process that is just starting has an empty file.
TRIES = 3

_ours = CollectorRegistry()
_requests = Counter(
    "coatcheck_http_requests",
    "HTTP requests by endpoint, method and class of status.",
    ("endpoint", "method", "status"),
    registry=_ours,
)
_seconds = Histogram(
    "coatcheck_http_request_seconds",
    "How long the app took to answer, by endpoint.",
    ("endpoint",),
    buckets=BUCKETS,
    registry=_ours,
)
_write_wait = Histogram(
    "coatcheck_write_wait_seconds",
    "How long database transactions that write waited to begin.",
    buckets=WRITE_BUCKETS,
    registry=_ours,
)
_write_hold = Histogram(
    "coatcheck_write_hold_seconds",
    "How long database transactions that write lasted, with the commit.",
    buckets=WRITE_BUCKETS,
    registry=_ours,
)


def count(endpoint: str | None, method: str, status: int, seconds: float) -> None:
    """Count one answered request; `endpoint` is None if no route matched."""
    name = endpoint or "none"
    known = method if method in METHODS else "other"
    counter, histogram = _series(name, known, status // 100)
    counter.inc()
    histogram.observe(seconds)


@lru_cache(maxsize=1024)
def _series(endpoint: str, method: str, status: int) -> tuple[Counter, Histogram]:
    """Return what counts these requests: finding it takes longer than counting."""
    return _requests.labels(endpoint, method, f"{status}xx"), _seconds.labels(endpoint)


def count_write(waited: float, held: float | None) -> None:
    """Count one transaction that writes; `held` is None if it never began."""
    _write_wait.observe(waited)
    if held is not None:
        _write_hold.observe(held)


def exposition(more: Iterable[Metric]) -> bytes:
    """Return the counts of all processes and the metrics in `more` in Prometheus' text format."""
    return generate_latest(_Collected([*_counts(), *more]))


def _counts() -> list[Metric]:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return list(_ours.collect())
    files = MultiProcessCollector(None)
    for _again in range(TRIES - 1):
        try:
            return list(files.collect())
        except struct.error:
            continue
    return list(files.collect())


class _Collected(Collector):
    """Metrics that have already been collected."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> list[Metric]:
        return self._metrics
