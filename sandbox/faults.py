"""Faults that tests order: which call gets one and when they are used up; never applies them."""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

ENDPOINTS = ("token", "revoke", "user_info", "video_list", "authorize")
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")

# Options of each kind with their defaults, whose types also bind.
Options = Mapping[str, object]
KINDS: dict[str, Options] = {
    "http500": {"status": 500},
    "html": {"status": 200},
    "error200": {"error": "server_error", "description": "", "status": 200, "error_type": ""},
    "empty": {"status": 200},
    "empty_object": {"status": 200},
    "truncated": {"cut": False},
    "big": {"bytes": 10_000_000, "chunked": False},
    "gzip": {"bytes": 10_000_000},
    "slow": {"interval": 1.0},
    "dribble_headers": {"interval": 1.0},
    "timeout": {"seconds": 60.0},
    "drop": {"reset": False},
    "redirect": {"status": 307, "location": "/control/trap"},
    "throttle": {"status": 429, "retry_after": 1},
    "bad_utf8": {},
    "answer": {"answer": {}},
    "raw": {"body": "", "status": 200, "content_type": "application/json"},
}
# These bend the true answer, so the work (and the rotation) is always done.
BENDING = frozenset(
    {"truncated", "big", "gzip", "slow", "dribble_headers", "bad_utf8", "answer"},
)
# At authorize these two change what the person brings back; the others hit the page itself.
ON_THE_WAY_BACK = frozenset({"answer", "error200"})


@dataclass(slots=True)
class Fault:
    """One order: `times` left (None: no end), `rate` of calls it hits, `after` the work or not."""

    endpoint: str
    kind: str
    times: int | None = None
    rate: float | None = None
    grant_type: str | None = None
    after: bool = False
    options: dict[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the order as it stands now."""
        return {
            "endpoint": self.endpoint,
            "kind": self.kind,
            "times": self.times,
            "rate": self.rate,
            "grant_type": self.grant_type,
            "after": self.after,
            **self.options,
        }


def read(wish: Mapping[str, object]) -> Fault:
    """Turn the JSON of `POST /control/faults` into a fault.

    Raises ValueError with words for the caller if anything is unknown or does not fit.
    """
    endpoint, kind = str(wish.get("endpoint")), str(wish.get("kind"))
    _one_of("endpoint", endpoint, ENDPOINTS)
    _one_of("kind", kind, KINDS)
    times, rate, grant_type = wish.get("times"), wish.get("rate"), wish.get("grant_type")
    if times is not None and (type(times) is not int or times < 1):
        raise ValueError("times must be a whole number of at least 1")
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float)):
        raise ValueError("rate must be a number from 0 to 1")
    if isinstance(rate, int | float) and not 0 <= rate <= 1:
        raise ValueError("rate must be a number from 0 to 1")
    if grant_type is not None:
        _one_of("grant_type", str(grant_type), GRANT_TYPES)
        if endpoint != "token":
            raise ValueError("grant_type goes with the endpoint token only")
    after = wish.get("after", kind in BENDING)
    if not isinstance(after, bool) or (kind in BENDING and not after):
        raise ValueError(f"after must be true or false, and is always true for {kind!r}")
    return Fault(
        endpoint,
        kind,
        times if isinstance(times, int) else None,
        float(rate) if isinstance(rate, int | float) else None,
        None if grant_type is None else str(grant_type),
        after,
        _options(kind, wish),
    )


class Faults:
    """The orders that stand, served first come, first served."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._orders: list[Fault] = []
        self._random = random.Random()  # noqa: S311  # a share of calls, no secret

    def order(self, fault: Fault) -> None:
        """Add a fault behind those that stand already."""
        with self._lock:
            self._orders.append(fault)

    def standing(self) -> list[dict[str, object]]:
        """List what is not used up yet."""
        with self._lock:
            return [fault.as_json() for fault in self._orders]

    def clear(self) -> None:
        """Call every fault off."""
        with self._lock:
            self._orders.clear()

    def draw(
        self, endpoint: str, grant_type: str | None = None, *, way_back: bool = False
    ) -> Fault | None:
        """Return the fault this call gets, if any, and count it off."""
        with self._lock:
            for fault in self._orders:
                if fault.endpoint != endpoint or fault.grant_type not in (None, grant_type):
                    continue
                if endpoint == "authorize" and way_back is not (fault.kind in ON_THE_WAY_BACK):
                    continue
                if fault.rate is not None and self._random.random() >= fault.rate:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        self._orders.remove(fault)
                return fault
            return None


def _one_of(word: str, value: str, known: object) -> None:
    names = list(known)  # type: ignore[call-overload]  # tuples and dicts of words
    if value not in names:
        raise ValueError(f"unknown {word} {value!r}; known: {', '.join(names)}")


def _options(kind: str, wish: Mapping[str, object]) -> dict[str, object]:
    general = {"endpoint", "kind", "times", "rate", "grant_type", "after"}
    options = dict(KINDS[kind])
    for name, value in wish.items():
        if name in general:
            continue
        if name not in options:
            known = ", ".join(options) or "none"
            raise ValueError(f"{kind!r} has no option {name!r}; known: {known}")
        if not _fits(name, value, options[name]):
            raise ValueError(f"option {name} of {kind!r} has a value that does not fit: {value!r}")
        options[name] = value
    if kind == "answer" and "answer" not in wish:
        raise ValueError("'answer' needs the option answer: an object merged over the true one")
    return options


def _fits(name: str, value: object, default: object) -> bool:
    if name == "retry_after":  # an integer, any text (dates, nonsense) or null: no header
        return value is None or isinstance(value, str) or type(value) is int
    if isinstance(value, bool) or isinstance(default, bool):
        return type(value) is type(default)
    if isinstance(default, float):
        return isinstance(value, int | float) and 0 <= value < inf
    if name == "status":
        return isinstance(value, int) and 200 <= value <= 599
    return type(value) is type(default)
