"""Who consented to what and which tokens live, in memory, under one lock; never sleeps in it."""

import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable

from sandbox import scopes
from sandbox.people import CAST, Person, open_id_of, union_id_of
from sandbox.records import Grant, Refused
from sandbox.settings import Knobs
from sandbox.signing import fingerprint


class Books:
    """Everything the pretend TikTok remembers about people."""

    def __init__(
        self, client_key: str, knobs: Knobs, clock: Callable[[], float], lock: threading.RLock
    ) -> None:
        self._client_key = client_key
        self._knobs = knobs
        self._clock = clock
        self._lock = lock
        self.clear()

    def clear(self) -> None:
        """Forget every consent and token and bring the first people back."""
        with self._lock:
            self._people = {person.name: person for person in CAST}
            self._grants: dict[str, Grant] = {}
            self._access: dict[str, str] = {}  # fingerprint → open_id
            self._refresh: dict[str, str] = {}
            self._dead: dict[str, str] = {}  # fingerprint of a refresh token → why it is dead
            self._dead_seen: Counter[str] = Counter()

    def person(self, name: str) -> Person | None:
        """Return the person of that short name, if there is one."""
        with self._lock:
            return self._people.get(name)

    def add_person(self, person: Person) -> None:
        """Add a person, or replace the profile of the one with that name."""
        with self._lock:
            self._people[person.name] = person

    def people(self) -> list[tuple[Person, Grant | None]]:
        """List everybody with their live consent, those who are not connected first."""
        with self._lock:
            rows = [(person, self._live(name)) for name, person in self._people.items()]
        return sorted(rows, key=lambda row: row[1] is not None)

    def open_id(self, name: str) -> str:
        """Return the id of a person in the registered app."""
        return open_id_of(self._client_key, name)

    def open_grant(self, name: str, granted: Iterable[str]) -> dict[str, object]:
        """Begin or renew a person's consent and return the token answer.

        The refresh token of an earlier consent is dead from now on.
        """
        with self._lock:
            open_id = self.open_id(name)
            grant = self._grants.get(open_id)
            if grant is None:
                grant = self._grants[open_id] = Grant(open_id, name, frozenset(granted))
            grant.scopes, grant.ended = frozenset(granted), None
            return self._mint(grant, "superseded")

    def rotate(self, refresh_token: str) -> dict[str, object]:
        """Trade a refresh token for a new pair; the old one is dead.

        Raises Refused(invalid_grant) if it is unknown, spent, superseded, ended or too old.
        """
        digest = fingerprint(refresh_token)
        with self._lock:
            open_id = self._refresh.get(digest)
            if open_id is None:
                self._dead_seen[self._dead.get(digest, "unknown")] += 1
                raise Refused("invalid_grant", "Refresh token is invalid or expired.")
            grant = self._grants[open_id]
            if grant.refresh_ends_at <= self._clock():
                self._dead_seen["expired"] += 1
                raise Refused("invalid_grant", "Refresh token is invalid or expired.")
            return self._mint(grant, "spent")

    def _mint(self, grant: Grant, fate: str) -> dict[str, object]:
        now, lives = self._clock(), self._knobs.lifetimes
        access, refresh = f"act.{secrets.token_urlsafe(48)}", f"rft.{secrets.token_urlsafe(48)}"
        self._bury(grant, fate)
        if grant.access and not self._knobs.manners.old_access_tokens_die:
            grant.older[grant.access] = grant.access_ends_at
        for digest in [key for key, ends in grant.older.items() if ends <= now]:
            del grant.older[digest]
            self._access.pop(digest, None)
        if grant.access not in grant.older:
            self._access.pop(grant.access, None)
        grant.access, grant.refresh = fingerprint(access), fingerprint(refresh)
        grant.access_ends_at = now + lives.expires_in
        grant.refresh_ends_at = now + lives.refresh_expires_in
        self._access[grant.access] = self._refresh[grant.refresh] = grant.open_id
        return {
            "access_token": access,
            "expires_in": lives.expires_in,
            "open_id": grant.open_id,
            "refresh_expires_in": lives.refresh_expires_in,
            "refresh_token": refresh,
            "scope": scopes.joined(grant.scopes),
            "token_type": "Bearer",
        }

    def _bury(self, grant: Grant, fate: str) -> None:
        if grant.refresh:
            self._refresh.pop(grant.refresh, None)
            self._dead[grant.refresh] = fate

    def bearer(self, access_token: str) -> tuple[Person, Grant]:
        """Return who an access token belongs to.

        Raises Refused(access_token_invalid) if it is unknown, expired or its consent has ended.
        """
        digest = fingerprint(access_token)
        with self._lock:
            grant = self._grants.get(self._access.get(digest, ""))
            if grant is not None:
                current = digest == grant.access
                ends = grant.access_ends_at if current else grant.older.get(digest, 0.0)
                if ends > self._clock():
                    return self._people[grant.name], grant
        raise Refused("access_token_invalid", "The access token is invalid or not found.")

    def end(self, open_id: str, why: str) -> bool:
        """End a person's consent with all its tokens; False if there was none that lives."""
        with self._lock:
            grant = self._grants.get(open_id)
            if grant is None or grant.ended:
                return False
            self._bury(grant, why)
            for digest in (grant.access, *grant.older):
                self._access.pop(digest, None)
            grant.older.clear()
            grant.access = grant.refresh = ""
            grant.ended = why
            return True

    def narrow(self, open_id: str, granted: frozenset[str]) -> bool:
        """Change the scopes of a live consent; False if there is none."""
        with self._lock:
            grant = self._grants.get(open_id)
            if grant is None or grant.ended:
                return False
            grant.scopes = granted
            return True

    def expire(self, open_id: str, *, access: bool, refresh: bool) -> bool:
        """Let tokens of a live consent be over now; False if there is none."""
        with self._lock:
            grant = self._grants.get(open_id)
            if grant is None or grant.ended:
                return False
            if access:
                grant.access_ends_at = 0.0
                grant.older.clear()
            if refresh:
                grant.refresh_ends_at = 0.0
            return True

    def dead_seen(self) -> dict[str, int]:
        """Count the refused refresh tokens by why they were dead."""
        with self._lock:
            fates = ("spent", "superseded", "expired", "revoked", "deauthorized", "unknown")
            return {fate: self._dead_seen[fate] for fate in fates}

    def summary(self) -> dict[str, dict[str, object]]:
        """Return each consent by open_id, tokens as SHA-256 in hex (None once ended)."""
        with self._lock:
            return {
                open_id: {
                    "person": grant.name,
                    "union_id": union_id_of(grant.name),
                    "access_token_sha256": grant.access or None,
                    "refresh_token_sha256": grant.refresh or None,
                    "scopes": scopes.joined(grant.scopes).split(",") if grant.scopes else [],
                    "revoked": grant.ended is not None,
                    "ended": grant.ended,
                    "access_expires_at": grant.access_ends_at,
                    "refresh_expires_at": grant.refresh_ends_at,
                }
                for open_id, grant in self._grants.items()
            }

    def _live(self, name: str) -> Grant | None:
        grant = self._grants.get(self.open_id(name))
        return None if grant is None or grant.ended else grant
