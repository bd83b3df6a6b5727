"""Encrypts (seals) and decrypts (opens) tokens: AES-256-GCM under named keys. Logs nothing."""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from webapp.language import N_

_VERSION = "v1"
_NONCE_BYTES = 12


class CannotOpen(Exception):
    """A sealed text can't be opened with our keys, or belongs to another row or column."""


class Keyring:
    """The keys of this installation: the first one seals, all of them open.

    A sealed text has the form `v1.<key ID>.<base64url of nonce and ciphertext>`. Its associated
    data are the open_id, the column and the key ID, so a text that was moved to another row or
    column can't be opened.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        """Load 32-byte keys from base64. Raises ValueError if one is invalid or none is given."""
        if not keys:
            raise ValueError("at least one key is needed")
        self._keys = {key_id(key): AESGCM(decode_key(key)) for key in keys}
        #: The ID of the key that seals.
        self.current = key_id(keys[0])

    def knows(self, name: str) -> bool:
        """Return True if the key with this ID is on the ring."""
        return name in self._keys

    @property
    def mark(self) -> str:
        """The beginning of every text that the current key has sealed."""
        return f"{_VERSION}.{self.current}."

    def seal(self, plain: str, *, open_id: str, column: str) -> str:
        """Return a token sealed for this row and column."""
        nonce = os.urandom(_NONCE_BYTES)
        associated = _associated(open_id, column, self.current)
        sealed = nonce + self._keys[self.current].encrypt(nonce, plain.encode(), associated)
        return f"{self.mark}{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, sealed: str, *, open_id: str, column: str) -> str:
        """Return the plain token.

        Raises CannotOpen if its key is not on the ring, or if the text was changed or moved.
        """
        try:
            version, name, body = sealed.split(".")
            blob = base64.urlsafe_b64decode(body)
            if version != _VERSION:
                raise CannotOpen(N_("encrypted by another version of this app"))
            associated = _associated(open_id, column, name)
            return self._keys[name].decrypt(blob[:12], blob[12:], associated).decode()
        except KeyError:
            raise CannotOpen(N_("encrypted with a key that is not in TOKEN_KEYS")) from None
        except (InvalidTag, ValueError, binascii.Error):
            raise CannotOpen(N_("changed, or moved from another row or column")) from None


def decode_key(text: str) -> bytes:
    """Return the 32 bytes of a key in base64 or base64url. Raises ValueError if it is invalid."""
    raw = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    if len(raw) != 32:
        raise ValueError("a key has 32 bytes")
    return raw


def key_id(key: str) -> str:
    """Return the public ID of a key: 8 hex digits of a SHA-256."""
    return hashlib.sha256(b"coatcheck key id" + decode_key(key)).hexdigest()[:8]


def _associated(open_id: str, column: str, name: str) -> bytes:
    return "|".join((open_id, column, name)).encode()
