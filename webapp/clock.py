"""The clock. All code takes it as a parameter, so tests can set the time."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


class Uptime:
    """The seconds since this machine started: unlike the clock, they are never set.

    All processes of a machine see the same. Another machine, or this one after a restart, has
    another `boot`.
    """

    def __init__(self, boot: str, seconds: Callable[[], float] = time.monotonic) -> None:
        """Take eight characters that name this start of the machine."""
        self.boot = boot
        self.seconds = seconds


def machine_uptime() -> Uptime | None:
    """Return this machine's uptime; None where it can't be told which start it counts from."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:
        return None
    return Uptime(boot[:8])
