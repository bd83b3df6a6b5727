"""What tests may turn at run time: lifetimes, latency, manners; never the books themselves."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf


@dataclass(slots=True)
class Lifetimes:
    """Lives in seconds of what is handed out from now on."""

    expires_in: int = 7_200
    refresh_expires_in: int = 15_552_000
    code: int = 60


@dataclass(slots=True)
class Manners:
    """How the pretend TikTok behaves where the real one is not documented.

    `auto_auth`: person whose TikTok session the browser is supposed to hold, or None.
    `error_status`: HTTP status of token and revoke errors. `old_access_tokens_die`: whether a
    rotation ends the earlier access token at once. `webhook_on_revoke`: send reason 5 after a
    revoke. `keep_alive`: seconds an idle connection stays open, 0 closes after each answer.
    """

    auto_auth: str | None = None
    error_status: int = 200
    old_access_tokens_die: bool = False
    webhook_on_revoke: bool = False
    keep_alive: float = 60.0


@dataclass(slots=True)
class Latency:
    """Seconds each call waits, before the work or (`after`) between the work and the answer."""

    seconds: float = 0.0
    endpoint: str | None = None
    after: bool = False


@dataclass(slots=True)
class Knobs:
    """All settings of the running sandbox; read and turned under the one lock."""

    lock: threading.RLock
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    manners: Manners = field(default_factory=Manners)
    latency: Latency = field(default_factory=Latency)
    gate: threading.Event = field(default_factory=threading.Event)

    def turn(self, what: Lifetimes | Manners | Latency, changes: Mapping[str, object]) -> None:
        """Apply `changes` to one group, all or nothing.

        Raises ValueError if a name is unknown or a value has the wrong type or is negative.
        """
        fresh = type(what)()
        for key, value in changes.items():
            if key not in type(what).__slots__:
                raise ValueError(f"unknown setting {key!r}; known: {', '.join(what.__slots__)}")
            if not _fits(value, getattr(fresh, key)):
                raise ValueError(f"{key} has a value that does not fit: {value!r}")
        with self.lock:
            for key, value in changes.items():
                setattr(what, key, value)

    def wait(self, endpoint: str, *, after: bool) -> None:
        """Let a call of `endpoint` wait at this point, at most until `release`."""
        with self.lock:
            latency, gate = self.latency, self.gate
        if latency.endpoint in (None, endpoint) and latency.after is after:
            gate.wait(latency.seconds)

    def release(self) -> None:
        """Let every call that waits go on, and later ones not wait."""
        with self.lock:
            gate, self.gate, self.latency = self.gate, threading.Event(), Latency()
        gate.set()


def _fits(value: object, default: object) -> bool:
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, int | float):
        kinds = int if isinstance(default, int) else (int, float)
        return isinstance(value, kinds) and 0 <= value < inf
    return value is None or isinstance(value, str)
