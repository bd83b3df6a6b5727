"""Looks at the processes of a server from outside, through /proc; never touches them."""

import signal
from pathlib import Path


def memory(pid: int) -> int:
    """Return the resident memory of a process, in kilobytes."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def descriptors(pid: int) -> int:
    """Return how many files and sockets a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def children(pid: int) -> list[int]:
    """Return the processes that a process started: gunicorn's workers."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(word) for word in text.split()]


def minds_signals(pid: int) -> bool:
    """Tell whether a worker of gunicorn has handlers of its own.

    In the milliseconds between its birth and then it swallows a SIGTERM, and its master waits for
    it in vain. Of all its signals, SIGABRT is the one that the master does not handle.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return False
    caught = int(next(line for line in lines if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGABRT - 1) & 1)
