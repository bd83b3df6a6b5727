"""The one app that is registered at the pretend TikTok; never holds anything about people."""

import hmac
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost"})
LONGEST_REDIRECT_URI = 511  # characters; TikTok asks for fewer than 512


@dataclass(frozen=True, slots=True)
class Registration:
    """Key, secret and addresses of the app, as one would type them into TikTok's portal.

    Without `redirect_uris`, every http(s) loopback URI with a port and no query is accepted.
    """

    client_key: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...] = ()
    webhook_url: str | None = None

    def accepts_redirect(self, uri: str) -> bool:
        """Tell whether `uri` is registered, byte for byte (`*` may stand for a loopback port)."""
        if self.redirect_uris:
            return uri in self.redirect_uris or _any_port(uri) in self.redirect_uris
        parts = _split(uri)
        return (
            parts is not None
            and len(uri) <= LONGEST_REDIRECT_URI
            and parts.scheme in ("http", "https")
            and parts.hostname in LOOPBACK
            and bool(parts.port)
            and parts.username is None
            and not any(mark in uri for mark in "?#\\ ")
        )

    def knows_key(self, client_key: str) -> bool:
        """Tell whether `client_key` is this app's, in constant time."""
        return hmac.compare_digest(client_key.encode(), self.client_key.encode())

    def knows_secret(self, client_secret: str) -> bool:
        """Tell whether `client_secret` is this app's, in constant time."""
        return hmac.compare_digest(client_secret.encode(), self.client_secret.encode())


def is_desktop(redirect_uri: str) -> bool:
    """Tell whether the URI is of TikTok's desktop kind (loopback), which must send PKCE."""
    parts = _split(redirect_uri)
    return parts is not None and parts.hostname in LOOPBACK


def origin(uri: str) -> str:
    """Return scheme, host and port of a URI: what a Content-Security-Policy lists."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # raises on a port that is no number
    except ValueError:
        return None
    return parts


def _any_port(uri: str) -> str | None:
    parts = _split(uri)
    if parts is None or parts.hostname not in LOOPBACK or not parts.port:
        return None
    return uri.replace(f":{parts.port}", ":*", 1)
