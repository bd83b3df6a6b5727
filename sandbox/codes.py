"""The authorization codes that are out: each works once and not for long; never opens a grant."""

import secrets
import threading
from collections.abc import Callable

from sandbox.records import Code, Refused
from sandbox.settings import Knobs
from sandbox.signing import fingerprint


class Codes:
    """The codes handed out and not yet spent, under the sandbox's one lock."""

    def __init__(self, knobs: Knobs, clock: Callable[[], float], lock: threading.RLock) -> None:
        self._knobs = knobs
        self._clock = clock
        self._lock = lock
        self._codes: dict[str, Code] = {}  # by fingerprint

    def clear(self) -> None:
        """Forget every code."""
        with self._lock:
            self._codes.clear()

    def hand_out(self, name: str, granted: frozenset[str], uri: str, pkce: str | None) -> str:
        """Remember one consent and return its code, shaped like TikTok's (`*`, `!`, region)."""
        digits = f"{secrets.randbelow(9000) + 1000}"
        code = f"{secrets.token_urlsafe(32)}*{secrets.randbelow(10)}!{digits}.va"
        with self._lock:
            now = self._clock()
            for old in [key for key, kept in self._codes.items() if kept.ends_at <= now]:
                del self._codes[old]
            ends_at = now + self._knobs.lifetimes.code
            self._codes[fingerprint(code)] = Code(name, granted, uri, pkce, ends_at)
        return code

    def spend(self, code: str) -> Code:
        """Take a code out of the books; it never works again.

        Raises Refused(invalid_grant) if it is unknown, used or too old.
        """
        with self._lock:
            kept = self._codes.pop(fingerprint(code), None)
            if kept is None or kept.ends_at <= self._clock():
                raise Refused("invalid_grant", "Authorization code is expired or already used.")
            return kept
