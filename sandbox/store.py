"""The mock's data: people, authorization codes, consents and tokens, in memory under one lock.

Tokens and codes are kept only as SHA-256. No method sleeps while it holds the lock.
"""

import hashlib
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sandbox import scopes
from sandbox.people import DEFAULT_PEOPLE, Person, open_id_of, union_id_of
from sandbox.settings import Settings


class Refused(Exception):
    """The request cannot be granted; `code` is TikTok's error code, `description` explains it."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(code)
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code and what it was issued for; `ends_at` in seconds since 1970."""

    name: str
    scopes: frozenset[str]
    redirect_uri: str
    challenge: str | None
    ends_at: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What differs for one person's consent until they consent again; times in seconds.

    `expires_in`: of the first access token. `refresh_expires_in`: until the consent ends; a refresh
    doesn't prolong it. `error`: the code with which refreshes and revocations are refused, so many
    `times` (None: always). `ended`: the consent is over already, "revoked" or "deauthorized".
    """

    expires_in: int | None = None
    refresh_expires_in: int | None = None
    error: str | None = None
    times: int | None = None
    ended: str | None = None


@dataclass(slots=True)
class Grant:
    """One person's consent; tokens as SHA-256 in hex, times in seconds since 1970."""

    open_id: str
    name: str
    scopes: frozenset[str]
    error: str | None = None  # with which refreshes and revocations are refused
    refusals: int | None = None  # how many are left; None: no limit
    ends_at: float | None = None  # None: each refresh prolongs the consent
    access: str = ""
    refresh: str = ""
    access_ends_at: float = 0.0
    refresh_ends_at: float = 0.0
    older: dict[str, float] = field(default_factory=dict)  # earlier access token → when it ends
    ended: str | None = None  # "revoked" or "deauthorized"


class Store:
    """Everything the mock remembers about people; every method is thread-safe."""

    def __init__(
        self,
        client_key: str,
        settings: Settings,
        clock: Callable[[], float],
        lock: threading.RLock,
    ) -> None:
        self._client_key = client_key
        self._settings = settings
        self._clock = clock
        self._lock = lock
        self.clear()

    def clear(self) -> None:
        """Forget every code, consent and token, and restore the default people."""
        with self._lock:
            self._people = {person.name: person for person in DEFAULT_PEOPLE}
            self._unlisted: set[str] = set()  # names that the consent page leaves out
            self._open_ids: dict[str, str] = {}  # name → open_id, where it was given
            self._codes: dict[str, Code] = {}  # SHA-256 → code
            self._grants: dict[str, Grant] = {}  # open_id → consent
            self._access: dict[str, str] = {}  # SHA-256 → open_id
            self._refresh: dict[str, str] = {}  # SHA-256 → open_id
            self._dead: dict[str, str] = {}  # SHA-256 of a refresh token → why it is dead
            self._dead_seen: Counter[str] = Counter()

    def person(self, name: str) -> Person | None:
        """Return the person with this short name, or None."""
        with self._lock:
            return self._people.get(name)

    def add_person(
        self, person: Person, *, listed: bool = True, open_id: str | None = None
    ) -> None:
        """Add a person, or replace the profile of the one with the same name.

        `listed`: the consent page offers them. `open_id`: theirs, instead of the usual one.
        """
        with self._lock:
            self._people[person.name] = person
            (self._unlisted.discard if listed else self._unlisted.add)(person.name)
            if open_id is not None:
                self._open_ids[person.name] = open_id

    def people(self) -> list[tuple[Person, Grant | None]]:
        """List everyone with their active consent; people who never consented come first."""
        with self._lock:
            return self._with_consents(self._people.values())

    def listed_people(self) -> list[tuple[Person, Grant | None]]:
        """List the people whom the consent page offers, as `people` does."""
        with self._lock:
            names = self._people.keys() - self._unlisted
            return self._with_consents(each for each in self._people.values() if each.name in names)

    def _with_consents(self, some: Iterable[Person]) -> list[tuple[Person, Grant | None]]:
        rows = [(person, self._active(self.open_id(person.name))) for person in some]
        return sorted(rows, key=lambda row: self.open_id(row[0].name) in self._grants)

    def is_listed(self, name: str) -> bool:
        """Return True if the consent page offers this person."""
        with self._lock:
            return name not in self._unlisted

    def open_id(self, name: str) -> str:
        """Return a person's open_id in the registered app."""
        return self._open_ids.get(name) or open_id_of(self._client_key, name)

    def issue_code(self, name: str, granted: frozenset[str], uri: str, pkce: str | None) -> str:
        """Record one consent and return its code, shaped like TikTok's (`*`, `!`, region)."""
        digits = f"{secrets.randbelow(9000) + 1000}"
        code = f"{secrets.token_urlsafe(32)}*{secrets.randbelow(10)}!{digits}.va"
        with self._lock:
            now = self._clock()
            for old in [key for key, kept in self._codes.items() if kept.ends_at <= now]:
                del self._codes[old]
            ends_at = now + self._settings.lifetimes.code
            self._codes[_sha256(code)] = Code(name, granted, uri, pkce, ends_at)
        return code

    def redeem_code(self, code: str) -> Code:
        """Return what a code was issued for; the code never works again.

        Raises Refused(invalid_grant) if it is unknown, used or expired.
        """
        with self._lock:
            kept = self._codes.pop(_sha256(code), None)
            if kept is None or kept.ends_at <= self._clock():
                raise Refused("invalid_grant", "Authorization code is expired or already used.")
            return kept

    def grant(
        self, name: str, granted: Iterable[str], plan: Plan | None = None
    ) -> dict[str, object]:
        """Record or renew a person's consent and return the token response.

        The refresh token of an earlier consent stops working, and its plan is forgotten.
        """
        plan = plan or Plan()
        with self._lock:
            open_id = self.open_id(name)
            grant = self._grants.get(open_id)
            if grant is None:
                grant = self._grants[open_id] = Grant(open_id, name, frozenset(granted))
            grant.scopes, grant.ended = frozenset(granted), None
            grant.error, grant.refusals, grant.ends_at = plan.error, plan.times, None
            if plan.refresh_expires_in is not None:
                grant.ends_at = self._clock() + plan.refresh_expires_in
            response = self._issue_tokens(grant, "superseded", plan.expires_in)
            if plan.ended is not None:
                self.end(open_id, plan.ended)
            return response

    def refresh(self, refresh_token: str) -> dict[str, object]:
        """Exchange a refresh token for a new pair; the old refresh token stops working.

        Raises Refused: `invalid_grant` if it is unknown, spent, superseded, ended or expired, or
        the error that is planned for the person.
        """
        digest = _sha256(refresh_token)
        with self._lock:
            open_id = self._refresh.get(digest)
            if open_id is None:
                self._dead_seen[self._dead.get(digest, "unknown")] += 1
                raise Refused("invalid_grant", "Refresh token is invalid or expired.")
            grant = self._grants[open_id]
            if grant.refresh_ends_at <= self._clock():
                self._dead_seen["expired"] += 1
                raise Refused("invalid_grant", "Refresh token is invalid or expired.")
            self.refuse_if_planned(grant)
            return self._issue_tokens(grant, "spent")

    def refuse_if_planned(self, grant: Grant) -> None:
        """Raise Refused if an error is planned for this call of the person's consent."""
        with self._lock:
            if grant.error is None or grant.refusals == 0:
                return
            if grant.refusals is not None:
                grant.refusals -= 1
            raise Refused(grant.error, "Planned for this person.")

    def owner(self, access_token: str) -> tuple[Person, Grant]:
        """Return the person an access token belongs to, and their consent.

        Raises Refused(access_token_invalid) if it is unknown, expired or its consent has ended.
        """
        digest = _sha256(access_token)
        with self._lock:
            grant = self._grants.get(self._access.get(digest, ""))
            if grant is not None:
                current = digest == grant.access
                ends = grant.access_ends_at if current else grant.older.get(digest, 0.0)
                if ends > self._clock():
                    return self._people[grant.name], grant
        raise Refused("access_token_invalid", "The access token is invalid or not found.")

    def end(self, open_id: str, why: str) -> bool:
        """End a person's consent with all its tokens; return False if none was active.

        `why` is "revoked" (by the app) or "deauthorized" (by the person).
        """
        with self._lock:
            grant = self._active(open_id)
            if grant is None:
                return False
            self._retire_refresh_token(grant, why)
            for digest in (grant.access, *grant.older):
                self._access.pop(digest, None)
            grant.older.clear()
            grant.access = grant.refresh = ""
            grant.ended = why
            return True

    def set_scopes(self, open_id: str, granted: frozenset[str]) -> bool:
        """Change the scopes of an active consent; return False if there is none."""
        with self._lock:
            grant = self._active(open_id)
            if grant is None:
                return False
            grant.scopes = granted
            return True

    def expire(self, open_id: str, *, access: bool, refresh: bool) -> bool:
        """Expire the tokens of an active consent now; return False if there is none."""
        with self._lock:
            grant = self._active(open_id)
            if grant is None:
                return False
            if access:
                grant.access_ends_at = 0.0
                grant.older.clear()
            if refresh:
                grant.refresh_ends_at = 0.0
            return True

    def dead_refresh_tokens_seen(self) -> dict[str, int]:
        """Count the refresh tokens refused so far, by the reason they were dead."""
        with self._lock:
            reasons = ("spent", "superseded", "expired", "revoked", "deauthorized", "unknown")
            return {reason: self._dead_seen[reason] for reason in reasons}

    def summary(self) -> dict[str, dict[str, object]]:
        """Return each consent by open_id; tokens as SHA-256 in hex, None once it has ended."""
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

    def _active(self, open_id: str) -> Grant | None:
        grant = self._grants.get(open_id)
        return None if grant is None or grant.ended else grant

    def _issue_tokens(
        self, grant: Grant, why: str, expires_in: int | None = None
    ) -> dict[str, object]:
        now, lifetimes = self._clock(), self._settings.lifetimes
        expires_in = lifetimes.expires_in if expires_in is None else expires_in
        refresh_expires_in = lifetimes.refresh_expires_in
        if grant.ends_at is not None:
            refresh_expires_in = max(0, int(grant.ends_at - now))
        access, refresh = f"act.{secrets.token_urlsafe(48)}", f"rft.{secrets.token_urlsafe(48)}"
        self._retire_refresh_token(grant, why)
        self._retire_access_tokens(grant, now)
        grant.access, grant.refresh = _sha256(access), _sha256(refresh)
        grant.access_ends_at = now + expires_in
        grant.refresh_ends_at = grant.ends_at or now + refresh_expires_in
        self._access[grant.access] = self._refresh[grant.refresh] = grant.open_id
        return {
            "access_token": access,
            "expires_in": expires_in,
            "open_id": grant.open_id,
            "refresh_expires_in": refresh_expires_in,
            "refresh_token": refresh,
            "scope": scopes.joined(grant.scopes),
            "token_type": "Bearer",
        }

    def _retire_refresh_token(self, grant: Grant, why: str) -> None:
        if grant.refresh:
            self._refresh.pop(grant.refresh, None)
            self._dead[grant.refresh] = why

    def _retire_access_tokens(self, grant: Grant, now: float) -> None:
        if grant.access and not self._settings.behavior.old_access_tokens_die:
            grant.older[grant.access] = grant.access_ends_at
        for digest in [key for key, ends in grant.older.items() if ends <= now]:
            del grant.older[digest]
            self._access.pop(digest, None)
        if grant.access not in grant.older:
            self._access.pop(grant.access, None)


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
