"""What the provider checks and issues: codes, token pairs and profiles.

Requests are checked as TikTok checks them, but only as far as a benchmark needs: client key and
secret, each code once, its redirect URI, PKCE with a hex challenge, each refresh token once.
"""

import hashlib
import re
import time
from dataclasses import dataclass, field
from hmac import compare_digest
from urllib.parse import parse_qsl, urlencode

CLIENT_KEY = "made-up-key"
CLIENT_SECRET = "made-up-secret-of-the-benchmarks"  # noqa: S105  known to the provider alone
SCOPES = ("user.info.basic", "video.list")
#: Makes tokens about as long as TikTok's.
_FILL = "x" * 48
_LIFE = 7200
_GRANT_LIFE = 15_552_000
_CHALLENGE = re.compile(r"[0-9a-f]{64}")
#: An answer as JSON.
Answer = dict[str, object]


def open_id(number: int) -> str:
    """Return the open_id of the person with this number."""
    return f"-000{number:032}"


def access_token(number: int, generation: int) -> str:
    """Return the access token after `generation` refreshes."""
    return f"act.{number}.{generation}.{_FILL}"


def refresh_token(number: int, generation: int) -> str:
    """Return the refresh token after `generation` refreshes."""
    return f"rft.{number}.{generation}.{_FILL}"


@dataclass(frozen=True)
class Code:
    """An authorization code that has not been used."""

    number: int
    redirect_uri: str
    challenge: str
    scope: str


@dataclass
class Grants:
    """Every grant, and what the provider received. Times are wall-clock seconds."""

    refreshed: int = 0
    exchanged: int = 0
    profiles: int = 0
    #: Refresh tokens that were sent a second time.
    spent: int = 0
    #: Any other request that was refused.
    refused: int = 0
    #: TLS connections that were opened, each with a handshake.
    connections: int = 0
    first_asked: float = 0.0
    last_answered: float = 0.0
    most_in_flight: int = 0
    in_flight: int = 0
    #: CPU seconds of this process, to see whether it was the bottleneck.
    cpu: float = 0.0
    generations: dict[int, int] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)

    def authorize(self, query: str) -> str | None:
        """Return where the browser is redirected to, or None for a bad request.

        `login_as` is the number of the person who signs in and agrees to everything.
        """
        asked = dict(parse_qsl(query))
        challenge = asked.get("code_challenge", "")
        if not (
            asked.get("client_key") == CLIENT_KEY
            and asked.get("response_type") == "code"
            and asked.get("code_challenge_method") == "S256"
            and _CHALLENGE.fullmatch(challenge)
            and asked.get("state")
            and asked.get("redirect_uri")
        ):
            self.refused += 1
            return None
        number, scope = int(asked["login_as"]), asked.get("scope", "")
        code = f"code.{number}.{len(self.codes)}.{time.monotonic_ns()}"
        self.codes[code] = Code(number, asked["redirect_uri"], challenge, scope)
        back = urlencode({"code": code, "scopes": scope, "state": asked["state"]})
        return f"{asked['redirect_uri']}?{back}"

    def token(self, body: str) -> Answer:
        """Exchange a code or rotate a token pair."""
        form = dict(parse_qsl(body))
        known = form.get("client_key") == CLIENT_KEY
        if not (known and compare_digest(form.get("client_secret", ""), CLIENT_SECRET)):
            return self._refuse("invalid_client")
        if form.get("grant_type") == "refresh_token":
            return self._refresh(form.get("refresh_token", ""))
        return self._exchange(form)

    def user_info(self, bearer: str) -> Answer:
        """Return the profile of the person whose current access token this is."""
        name, number, generation, *_fill = [*bearer.split("."), "", "", ""]
        if name != "act" or self.generations.get(int(number)) != int(generation):
            return self._refuse("access_token_invalid")
        self.profiles += 1
        user = {
            "open_id": open_id(int(number)),
            "union_id": f"union-{number}",
            "display_name": f"Person {number}",
        }
        return {"data": {"user": user}, "error": {"code": "ok", "message": "", "log_id": "b"}}

    def report(self) -> Answer:
        """Return the statistics without tokens and codes."""
        self.cpu = time.process_time()
        private = ("generations", "codes")
        return {name: value for name, value in vars(self).items() if name not in private}

    def _exchange(self, form: dict[str, str]) -> Answer:
        code = self.codes.pop(form.get("code", ""), None)
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).hexdigest()
        if code is None or (code.redirect_uri, code.challenge) != (
            form.get("redirect_uri"),
            challenge,
        ):
            return self._refuse("invalid_grant")
        self.exchanged += 1
        return self._pair(code.number, self.generations.get(code.number, -1) + 1, code.scope)

    def _refresh(self, token: str) -> Answer:
        """Rotate the pair, or refuse a refresh token that is spent or unknown."""
        given = token.split(".")
        if len(given) != 4 or given[0] != "rft":
            return self._refuse("invalid_grant")
        number, generation = int(given[1]), int(given[2])
        if generation != self.generations.get(number, 0):
            self.spent += 1
            return {"error": "invalid_grant", "log_id": "benchmark"}
        self.refreshed += 1
        return self._pair(number, generation + 1, ",".join(SCOPES))

    def _pair(self, number: int, generation: int, scope: str) -> Answer:
        self.generations[number] = generation
        self.last_answered = time.time()
        return {
            "access_token": access_token(number, generation),
            "expires_in": _LIFE,
            "open_id": open_id(number),
            "refresh_token": refresh_token(number, generation),
            "refresh_expires_in": _GRANT_LIFE,
            "scope": scope,
            "token_type": "Bearer",
        }

    def _refuse(self, code: str) -> Answer:
        self.refused += 1
        return {"error": code, "log_id": "benchmark"}
