"""PKCE in TikTok's form: the code verifier of a sign-in and its code challenge (RFC 7636)."""

import hashlib
import hmac
from base64 import urlsafe_b64encode

from pydantic import SecretStr


def code_verifier(secret_key: SecretStr, state: str) -> str:
    """Return the PKCE code verifier of a state: 43 characters, different for every state.

    It is derived from the state and SECRET_KEY, so it need not be stored while the person is at
    TikTok. The state alone, which is in the address bar, isn't enough to compute it.
    """
    key = secret_key.get_secret_value().encode()
    digest = hmac.digest(key, b"pkce\0" + state.encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def code_challenge(code_verifier: str) -> str:
    """Return the code challenge: SHA-256 in hex, where RFC 7636 has base64url (rule 11)."""
    return hashlib.sha256(code_verifier.encode("ascii")).hexdigest()
