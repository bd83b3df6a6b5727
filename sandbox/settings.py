"""Settings of the mock: the registered app, fixed at start-up, and what `/control/` can change."""

import hmac
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from urllib.parse import SplitResult, urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost"})
LONGEST_REDIRECT_URI = 511  # characters; TikTok asks for fewer than 512


@dataclass(frozen=True, slots=True)
class RegisteredApp:
    """Key, secret and addresses of the app, as you would enter them in TikTok's portal.

    Without `redirect_uris`, any http(s) loopback URI with a port and no query is accepted.
    `webhook_url` is where webhooks are sent until `/control/webhook` sets another address.
    `name` is what the consent page calls the app; None: it shows the client key.
    """

    client_key: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...] = ()
    webhook_url: str | None = None
    name: str | None = None

    def accepts_redirect(self, uri: str) -> bool:
        """Return True if `uri` is registered, byte for byte (`*` matches any loopback port)."""
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

    def has_key(self, client_key: str) -> bool:
        """Return True if `client_key` is this app's; compares in constant time."""
        return hmac.compare_digest(client_key.encode(), self.client_key.encode())

    def has_secret(self, client_secret: str) -> bool:
        """Return True if `client_secret` is this app's; compares in constant time."""
        return hmac.compare_digest(client_secret.encode(), self.client_secret.encode())


def is_desktop(redirect_uri: str) -> bool:
    """Return True for a loopback URI: TikTok's Desktop platform, which requires PKCE."""
    parts = _split(redirect_uri)
    return parts is not None and parts.hostname in LOOPBACK


def origin(uri: str) -> str:
    """Return scheme, host and port of a URI, as a Content-Security-Policy lists them."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        _ = parts.port  # raises ValueError unless the port is a number
    except ValueError:
        return None
    return parts


def _any_port(uri: str) -> str | None:
    parts = _split(uri)
    if parts is None or parts.hostname not in LOOPBACK or not parts.port:
        return None
    return uri.replace(f":{parts.port}", ":*", 1)


@dataclass(slots=True)
class Lifetimes:
    """Lifetimes in seconds of the tokens and codes issued from now on."""

    expires_in: int = 7_200
    refresh_expires_in: int = 15_552_000
    code: int = 60


@dataclass(slots=True)
class Behavior:
    """How the mock behaves where TikTok's documentation leaves it open.

    `auto_auth`: short name of the person the browser counts as signed in to TikTok as, or None.
    `error_status`: HTTP status of token and revoke errors.
    `old_access_tokens_die`: a refresh ends the previous access token immediately.
    `webhook_on_revoke`: send a webhook with reason 5 after a revoke.
    `keep_alive`: seconds an idle connection stays open; 0 closes it after each response.
    """

    auto_auth: str | None = None
    error_status: int = 200
    old_access_tokens_die: bool = False
    webhook_on_revoke: bool = False
    keep_alive: float = 60.0


@dataclass(slots=True)
class Latency:
    """Seconds each call waits: before the work, or (`after`) between the work and the response.

    `endpoint` limits it to one endpoint; None means all of them.
    """

    seconds: float = 0.0
    endpoint: str | None = None
    after: bool = False


@dataclass(slots=True)
class Settings:
    """Everything `/control/` can change at run time, read and written under the shared lock."""

    lock: threading.RLock
    lifetimes: Lifetimes = field(default_factory=Lifetimes)
    behavior: Behavior = field(default_factory=Behavior)
    latency: Latency = field(default_factory=Latency)
    gate: threading.Event = field(default_factory=threading.Event)

    def update(self, group: Lifetimes | Behavior | Latency, changes: Mapping[str, object]) -> None:
        """Apply `changes` to one group, all or nothing.

        Raises ValueError if a name is unknown or a value has the wrong type or is negative.
        """
        defaults = type(group)()
        for key, value in changes.items():
            if key not in type(group).__slots__:
                raise ValueError(f"unknown setting {key!r}; known: {', '.join(group.__slots__)}")
            if not _is_valid(value, getattr(defaults, key)):
                raise ValueError(f"{key} has an invalid value: {value!r}")
        with self.lock:
            for key, value in changes.items():
                setattr(group, key, value)

    def reset(self) -> None:
        """Restore every default; calls that are waiting keep waiting."""
        self.lifetimes, self.behavior, self.latency = Lifetimes(), Behavior(), Latency()

    def wait(self, endpoint: str, *, after: bool) -> None:
        """Hold a call to `endpoint` for the latency set at this point, or until `release`."""
        with self.lock:
            latency, gate = self.latency, self.gate
        if latency.endpoint in (None, endpoint) and latency.after is after:
            gate.wait(latency.seconds)

    def release(self) -> None:
        """End the latency, also for calls that are waiting now."""
        with self.lock:
            gate, self.gate, self.latency = self.gate, threading.Event(), Latency()
        gate.set()


def _is_valid(value: object, default: object) -> bool:
    if isinstance(value, bool) or isinstance(default, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, int | float):
        kinds = int if isinstance(default, int) else (int, float)
        return isinstance(value, kinds) and 0 <= value < inf
    return value is None or isinstance(value, str)
