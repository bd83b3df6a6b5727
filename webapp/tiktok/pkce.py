"""Proof Key for Code Exchange as TikTok wants it; keeps no verifier anywhere."""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from pydantic import SecretStr


def verifier(secret_key: SecretStr, state: str) -> str:
    """Return the code verifier that belongs to a state: 43 characters, new with every state.

    It is derived, so that it need not be stored between the two halves of a sign-in: whoever
    has the state, which is in the address bar, still lacks the key.
    """
    key = secret_key.get_secret_value().encode()
    digest = hmac.digest(key, b"pkce\0" + state.encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def challenge(code_verifier: str) -> str:
    """Return the challenge: SHA-256 in hex, where RFC 7636 has base64url (rule 11)."""
    return hashlib.sha256(code_verifier.encode("ascii")).hexdigest()
