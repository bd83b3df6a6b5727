"""Seals tokens into rows and opens them; no other service uses the keys.

It never calls TikTok and never commits.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from webapp.crypto import CannotOpen, Keyring
from webapp.models import User, connection_state
from webapp.tokens import TokenSet

__all__ = ["CannotOpen", "HeldTokens", "Vault"]


@dataclass(frozen=True, slots=True)
class HeldTokens:
    """The plain tokens of one row, to be kept no longer than one call."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)


class Vault:
    """Seals and opens tokens with the keys of TOKEN_KEYS."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        """Store the keys, the sealing key first. Raises ValueError if one is not a valid key."""
        self._keyring = Keyring([key.get_secret_value() for key in keys])

    @property
    def key_id(self) -> str:
        """Return the public name of the sealing key."""
        return self._keyring.current

    @property
    def mark(self) -> str:
        """Return the prefix of every text that the sealing key has sealed."""
        return self._keyring.mark

    def knows(self, key_id: str) -> bool:
        """Return True if the key with this public name is in TOKEN_KEYS."""
        return self._keyring.knows(key_id)

    def resealed(self, user: User) -> dict[str, str]:
        """Return the row's columns sealed again with the sealing key. Raises CannotOpen."""
        held = {"access_token": user.access_token, "refresh_token": user.refresh_token}
        return {
            column: self._seal(user.open_id, column, self._open(user.open_id, column, sealed))
            for column, sealed in held.items()
            if sealed is not None
        }

    def columns(self, open_id: str, tokens: TokenSet, now: datetime) -> dict[str, Any]:
        """Return the column values that a new answer changes, sealed for this open_id.

        What the answer left out is not among them, so the row keeps it: the refresh token
        (rule 38), the scopes, the end of the grant. An empty text never overwrites (rule 26).
        """
        values: dict[str, Any] = {
            "access_token": self._seal(open_id, "access_token", tokens.access_token),
            "access_expires_at": tokens.access_expires_at,
            "refreshed_at": now,
        }
        if tokens.refresh_token:
            values["refresh_token"] = self._seal(open_id, "refresh_token", tokens.refresh_token)
        if tokens.scopes is not None:
            values["scope"] = ",".join(sorted(tokens.scopes))
        if tokens.refresh_expires_at is not None:
            values["refresh_expires_at"] = tokens.refresh_expires_at
        return values

    def store(self, user: User, tokens: TokenSet, now: datetime) -> None:
        """Write a new answer into the row and increment its version."""
        connection_state.write(user, self.columns(user.open_id, tokens, now))
        user.version += 1

    def load(self, user: User) -> HeldTokens | None:
        """Return the row's plain tokens; None if it holds none. Raises CannotOpen."""
        if user.access_token is None:
            return None
        refresh = user.refresh_token
        return HeldTokens(
            access_token=self.access_token(user.open_id, user.access_token),
            refresh_token=refresh and self._open(user.open_id, "refresh_token", refresh),
        )

    def access_token(self, open_id: str, sealed: str) -> str:
        """Return the plain access token of a partly read row. Raises CannotOpen."""
        return self._open(open_id, "access_token", sealed)

    def forget(self, user: User) -> None:
        """Delete the row's tokens and increment its version, so no late answer is stored."""
        connection_state.write(user, connection_state.forgotten())
        user.version += 1

    def fingerprint(self, user: User) -> str | None:
        """Return eight hex digits that change with the access token; None if there is no token.

        The token cannot be derived from them: they are 32 bits of a keyed hash of a long random
        text. "unreadable" if the row is sealed with a key that we do not have.
        """
        try:
            held = self.load(user)
        except CannotOpen:
            return "unreadable"
        if held is None:
            return None
        mac = hmac.new(user.open_id.encode(), held.access_token.encode(), hashlib.sha256)
        return mac.hexdigest()[:8]

    def _open(self, open_id: str, column: str, sealed: str) -> str:
        return self._keyring.open(sealed, open_id=open_id, column=column)

    def _seal(self, open_id: str, column: str, plain: str) -> str:
        return self._keyring.seal(plain, open_id=open_id, column=column)
