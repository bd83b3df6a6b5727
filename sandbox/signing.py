"""TikTok's webhook signature and PKCE digest; never sends or stores anything."""

import hashlib
import hmac
import re

CHALLENGE = re.compile(r"[0-9a-f]{64}")
VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")


def signature(secret: str, timestamp: int | str, body: bytes) -> str:
    """Return the hex HMAC-SHA256 over `timestamp.body` (TikTok: webhook verification)."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def challenge_of(verifier: str) -> str:
    """Return TikTok's PKCE challenge: the hex SHA-256, not base64url as in RFC 7636."""
    return hashlib.sha256(verifier.encode()).hexdigest()


def fingerprint(token: str) -> str:
    """Return the hex SHA-256 by which the books know a token without keeping it."""
    return hashlib.sha256(token.encode()).hexdigest()
