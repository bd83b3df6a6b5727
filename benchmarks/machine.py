"""What this machine spends and how busy it is, read from /proc."""

import os
import resource
from collections.abc import Iterable
from pathlib import Path

from tests.workers import children

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the CPU time of these processes, in user and kernel mode, so far."""
    return sum(map(_cpu_ticks, pids)) / _TICKS


def family(pid: int) -> list[int]:
    """Return a process and its children: a gunicorn with its workers."""
    return [pid, *children(pid)]


def children_cpu() -> float:
    """Return the CPU seconds of all processes that this one has started and that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _cpu_ticks(pid: int) -> int:
    # The name of the program, in brackets, may contain spaces.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
