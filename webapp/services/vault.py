"""The one room where plain tokens meet sealed columns; never calls TikTok and never commits."""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from webapp.crypto import CannotOpen, Keyring
from webapp.models import User, marks
from webapp.tokens import TokenSet

__all__ = ["CannotOpen", "HeldTokens", "Vault"]


@dataclass(frozen=True, slots=True)
class HeldTokens:
    """The plain tokens of one row, for the length of one call."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)


class Vault:
    """Seals into a row and opens out of it, under the keys of TOKEN_KEYS."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        """Take the keys, the sealing one first. Raises ValueError if one is no key."""
        self._keyring = Keyring([key.get_secret_value() for key in keys])

    @property
    def key_id(self) -> str:
        """Return the public name of the key that seals."""
        return self._keyring.current

    @property
    def mark(self) -> str:
        """Return how every sealed text begins that the first key has sealed."""
        return self._keyring.mark

    def knows(self, key_id: str) -> bool:
        """Tell whether the key of this public name is among TOKEN_KEYS."""
        return self._keyring.knows(key_id)

    def resealed(self, user: User) -> dict[str, str]:
        """Return the row's sealed columns under the first key. Raises CannotOpen."""
        held = {"access_token": user.access_token, "refresh_token": user.refresh_token}
        return {
            column: self._seal(user.open_id, column, self._open(user.open_id, column, sealed))
            for column, sealed in held.items()
            if sealed is not None
        }

    def columns(self, open_id: str, tokens: TokenSet, now: datetime) -> dict[str, Any]:
        """Return the column values that a new answer changes, sealed for this open_id.

        What the answer left out is kept, so it is not among them: the refresh token (rule 38),
        the scopes, the end of the grant. An empty text never overwrites (rule 26).
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
        """Put a new answer into the row and count its version up."""
        marks.write(user, self.columns(user.open_id, tokens, now))
        user.version += 1

    def load(self, user: User) -> HeldTokens | None:
        """Return the row's plain tokens; None if it holds none. Raises CannotOpen."""
        if user.access_token is None:
            return None
        refresh = user.refresh_token
        return HeldTokens(
            access_token=self.access_token(user.open_id, user.access_token),
            refresh_token=refresh
            and self._keyring.open(refresh, open_id=user.open_id, column="refresh_token"),
        )

    def access_token(self, open_id: str, sealed: str) -> str:
        """Return the plain access token of a row that was read in part. Raises CannotOpen."""
        return self._keyring.open(sealed, open_id=open_id, column="access_token")

    def forget(self, user: User) -> None:
        """Wipe the row's tokens and count its version up, so that no late answer comes back."""
        marks.write(user, marks.forgotten())
        user.version += 1

    def fingerprint(self, user: User) -> str | None:
        """Return eight hex digits that change when the access token does; None without one.

        32 bits of a keyed hash of a long random text lead nobody back to it. "unreadable" when
        the row was sealed under a key that is not here.
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
