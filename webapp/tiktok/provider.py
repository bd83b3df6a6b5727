"""Proof Key for Code Exchange as TikTok wants it; keeps no verifier anywhere.

TikTok as the rest of the app sees it: seven verbs, typed answers, our own errors.

Never stores or logs anything. What TikTok says differently from RFC 6749 is behind this door:
client (Authlib's seams), transport (the wire), answers, grants and profile (judging).
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import requests
from authlib.common.errors import AuthlibBaseError
from flask import Flask
from pydantic import SecretStr

from webapp.clock import Clock, utc_now
from webapp.settings import Settings
from webapp.tiktok import answers, client, profile
from webapp.tiktok.answers import Answer
from webapp.tiktok.callback import BadCallback, Callback
from webapp.tiktok.errors import AccessRefused, TikTokError, TryLater
from webapp.tiktok.profile import Profile
from webapp.tiktok.scopes import asked_for
from webapp.tiktok.transport import Transport
from webapp.tokens import TokenSet


def code_verifier(secret_key: SecretStr, state: str) -> str:
    """Return the code verifier that belongs to a state: 43 characters, new with every state.

    It is derived, so that it need not be stored between the two halves of a sign-in: whoever
    has the state, which is in the address bar, still lacks the key.
    """
    key = secret_key.get_secret_value().encode()
    digest = hmac.digest(key, b"pkce\0" + state.encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def code_challenge(code_verifier: str) -> str:
    """Return the challenge: SHA-256 in hex, where RFC 7636 has base64url (rule 11)."""
    return hashlib.sha256(code_verifier.encode("ascii")).hexdigest()


__all__ = ["BadCallback", "Callback", "Look", "Profile", "Provider", "register"]

_EXTENSION = "coatcheck.tiktok"


@dataclass(frozen=True, slots=True)
class Look:
    """What one call with client key and secret shows."""

    #: Why TikTok does not take them, or could not be asked; None: it does not refuse them.
    error: TikTokError | None
    #: How long the whole call took.
    seconds: float
    #: By how much our clock is ahead of TikTok's, to the second; None: it did not say.
    ahead: timedelta | None


class Provider:
    """One TikTok app and its people.

    Every call ends within ten seconds. Each raises TryLater if TikTok is away, slow or talks
    nonsense, and OurConfiguration if it does not accept this app; other errors are named.
    """

    def __init__(self, app: client.TikTokApp, settings: Settings, clock: Clock) -> None:
        """Take the registered Authlib app; use `register`."""
        self._app = app
        self._settings = settings
        self._clock = clock

    def authorization_url(
        self, *, state: str, scopes: Sequence[str], another_account: bool = False
    ) -> str:
        """Return where to send the browser (rules 1 to 5, 7, 10, 11). Calls nobody."""
        more = {"disable_auto_auth": "1"} if another_account else {}
        if self._settings.tiktok_pkce:
            verifier = code_verifier(self._settings.secret_key, state)
            more["code_challenge"] = code_challenge(verifier)
            more["code_challenge_method"] = "S256"
        made = self._app.create_authorization_url(
            self._settings.tiktok_redirect_uri, state=state, scope=asked_for(scopes), **more
        )
        return str(made["url"])

    def exchange(self, *, code: str, state: str) -> TokenSet:
        """Return the tokens for an authorization code; `state` is the one it was asked with.

        Raises ConnectAgain if TikTok says the code is used or too old.
        """
        proof = {}
        if self._settings.tiktok_pkce:
            proof["code_verifier"] = code_verifier(self._settings.secret_key, state)
        answer = self._ask(
            lambda: self._app.fetch_access_token(
                self._settings.tiktok_redirect_uri,
                grant_type="authorization_code",
                code=code,
                **proof,
            )
        )
        return answers.read_exchange(answer, self._clock())

    def refresh(self, refresh_token: str) -> TokenSet:
        """Return the tokens that replace a refresh token, which is dead from then on.

        Raises ConnectAgain if TikTok says it is dead already. TryLater with `outcome_unknown`
        means that it may be. Whether the open_id is the expected one is the caller's to check.
        """
        answer = self._ask(
            lambda: self._app.fetch_access_token(
                grant_type="refresh_token", refresh_token=refresh_token
            )
        )
        return answers.read_refresh(answer, self._clock())

    def revoke(self, access_token: str) -> None:
        """End the whole connection at TikTok, by an access token that still works.

        Raises AccessRefused if that is not accepted any more.
        """
        url = f"{self._settings.tiktok_api_url}oauth/revoke/"
        answers.read_revoke(self._ask(lambda: self._app.revoke_token(url, access_token)))

    def user_info(self, access_token: str, *, open_id: str, scopes: Collection[str]) -> Profile:
        """Return what the granted scopes tell about a person (rules 43 to 47).

        Raises AccessRefused (refresh once, try once more), ScopeMissing, WrongAccount.
        """
        if not (access_token.isascii() and access_token.isprintable()):
            # It cannot stand in a header, and an error about that would quote it.
            raise AccessRefused("access_token_invalid")
        url = f"{self._settings.tiktok_api_url}user/info/"
        token = {"access_token": access_token, "token_type": "Bearer"}
        query = {"fields": ",".join(profile.fields(scopes))}
        answer = self._ask(lambda: self._app.get(url, token=token, params=query))
        return profile.judged(answer, open_id)

    def check_credentials(self) -> bool:
        """Return whether TikTok accepts client key and secret; False: its answer proves nothing.

        Raises OurConfiguration on `invalid_client`, the only proof of a wrong pair.
        """
        return answers.read_client_credentials(self._client_credentials())

    def look(self) -> Look:
        """Ask once whether TikTok accepts this app, and tell all that the answer shows."""
        began = monotonic()
        try:
            answer = self._client_credentials()
        except TikTokError as error:
            return Look(error, monotonic() - began, None)
        seconds = monotonic() - began
        try:
            answers.read_client_credentials(answer)
        except TikTokError as error:
            return Look(error, seconds, answer.ahead)
        return Look(None, seconds, answer.ahead)

    def _client_credentials(self) -> Answer:
        return self._ask(lambda: self._app.fetch_access_token(grant_type="client_credentials"))

    def _ask(self, call: Callable[[], requests.Response]) -> Answer:
        with _no_other_errors():
            return answers.read(call(), self._clock())


def register(
    app: Flask, settings: Settings, clock: Clock = utc_now, transport: Transport | None = None
) -> Provider:
    """Register TikTok with this app, once, and return the provider; it works in any thread.

    The transport, and with it the connection pool, lives as long as the app.
    """
    provider = Provider(client.register(app, settings, transport or Transport()), settings, clock)
    app.extensions[_EXTENSION] = provider
    return provider


@contextmanager
def _no_other_errors() -> Iterator[None]:
    """Turn what Authlib and requests raise into TryLater; their texts may quote a secret."""
    try:
        yield
    except (AuthlibBaseError, requests.RequestException, ValueError):
        raise TryLater("call_not_made", reached=False) from None
