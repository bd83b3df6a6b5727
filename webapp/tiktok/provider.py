"""TikTok as the rest of the app sees it: typed calls, typed answers, our own errors.

Stores and logs nothing. What TikTok does differently from RFC 6749 is hidden behind `Provider`:
`authlib_client`, `transport` (HTTP), `answers` and `profile` (reading what TikTok sends).
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING

import structlog
from flask import Flask

from webapp.clock import Clock, utc_now
from webapp.settings import Settings
from webapp.tiktok import answers, profile
from webapp.tiktok.answers import Answer
from webapp.tiktok.errors import AccessRefused, TikTokError, TryLater
from webapp.tiktok.pkce import code_challenge, code_verifier
from webapp.tiktok.profile import Profile
from webapp.tiktok.scopes import asked_for
from webapp.tokens import TokenSet

log = structlog.get_logger(__name__)

# Imported at the first call: Authlib and requests take 0.15 s, and most commands call nothing.
if TYPE_CHECKING:
    from requests import Response

    from webapp.tiktok.authlib_client import TikTokApp
    from webapp.tiktok.transport import Transport


@dataclass(frozen=True, slots=True)
class CredentialsCheck:
    """The outcome of one call with client key and secret."""

    #: Why TikTok rejects them or could not be asked; None: it does not reject them.
    error: TikTokError | None
    #: Duration of the whole call.
    seconds: float
    #: How far our clock is ahead of TikTok's; None: the answer has no date.
    ahead: timedelta | None


class Provider:
    """The calls of one TikTok app.

    Every call ends within ten seconds. Each raises TryLater if TikTok is unreachable, slow or sends
    an unusable answer, and OurConfiguration if it does not accept this app. Other errors are
    listed with each call.
    """

    def __init__(
        self, register_app: "Callable[[], TikTokApp]", settings: Settings, clock: Clock
    ) -> None:
        """Store what registers the Authlib app at the first call."""
        self._register_app = register_app
        self._settings = settings
        self._clock = clock

    @cached_property
    def _app(self) -> "TikTokApp":
        # If two threads make the first calls, each may register one; one of them stays.
        return self._register_app()

    def authorization_url(
        self, *, state: str, scopes: Sequence[str], another_account: bool = False
    ) -> str:
        """Return the URL to send the browser to (rules 1 to 5, 7, 10, 11). Makes no call."""
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
        """Return the tokens for an authorization code; `state` is the one of its authorize URL.

        Raises ConnectAgain if TikTok says the code has been used or has expired.
        """
        proof = {}
        if self._settings.tiktok_pkce:
            proof["code_verifier"] = code_verifier(self._settings.secret_key, state)
        sent_at = self._clock()
        answer = self._ask(
            lambda: self._app.fetch_access_token(
                self._settings.tiktok_redirect_uri,
                grant_type="authorization_code",
                code=code,
                **proof,
            )
        )
        return replace(answers.read_exchange(answer, self._clock()), sent_at=sent_at)

    def refresh(self, refresh_token: str) -> TokenSet:
        """Return the tokens that replace a refresh token, which is dead from then on.

        Raises ConnectAgain if TikTok says it is already dead. After TryLater with
        `outcome_unknown` it may be. The caller must check that the open_id is the expected one.
        """
        answer = self._ask(
            lambda: self._app.fetch_access_token(
                grant_type="refresh_token", refresh_token=refresh_token
            )
        )
        return answers.read_refresh(answer, self._clock())

    def revoke(self, access_token: str) -> None:
        """End the whole grant at TikTok, using an access token that still works.

        Raises AccessRefused if TikTok no longer accepts the token.
        """
        url = f"{self._settings.tiktok_api_url}oauth/revoke/"
        answers.read_revoke(self._ask(lambda: self._app.revoke_token(url, access_token)))

    def user_info(self, access_token: str, *, open_id: str, scopes: Collection[str]) -> Profile:
        """Return the fields of a person's profile that the scopes cover (rules 43 to 47).

        Raises AccessRefused (refresh once, retry once), ScopeMissing, WrongAccount.
        """
        if not (access_token.isascii() and access_token.isprintable()):
            # Not valid in a header, and the error that says so would quote it.
            raise AccessRefused("access_token_invalid")
        url = f"{self._settings.tiktok_api_url}user/info/"
        token = {"access_token": access_token, "token_type": "Bearer"}
        query = {"fields": ",".join(profile.fields(scopes))}
        answer = self._ask(lambda: self._app.get(url, token=token, params=query))
        return profile.read_profile(answer, open_id)

    def check_credentials(self) -> CredentialsCheck:
        """Ask TikTok once if it accepts client key and secret. Raises nothing."""
        began = monotonic()
        error, ahead = None, None
        try:
            answer = self._ask(
                lambda: self._app.fetch_access_token(grant_type="client_credentials")
            )
            ahead = answer.ahead
            answers.read_client_credentials(answer)
        except TikTokError as failure:
            error = failure
        return CredentialsCheck(error, monotonic() - began, ahead)

    def _ask(self, call: "Callable[[], Response]") -> Answer:
        with _no_other_errors():
            return answers.read(call(), self._clock())


def register(
    app: Flask, settings: Settings, clock: Clock = utc_now, transport: "Transport | None" = None
) -> Provider:
    """Return the provider, which is thread-safe and registers TikTok with this app when it's used.

    The transport, and so its connection pool, lives as long as the app.
    """

    def register_app() -> "TikTokApp":
        from webapp.tiktok import authlib_client
        from webapp.tiktok.transport import Transport

        return authlib_client.register(app, settings, transport or Transport())

    return Provider(register_app, settings, clock)


@contextmanager
def _no_other_errors() -> Iterator[None]:
    """Replace errors of Authlib, requests and the set-up of TLS with TryLater.

    Their texts may quote a secret.
    """
    from authlib.common.errors import AuthlibBaseError
    from requests import RequestException

    try:
        yield
    except (AuthlibBaseError, RequestException, ValueError, OSError) as error:
        log.warning("call_not_made", error=type(error).__name__)
        raise TryLater("call_not_made", reached=False) from None
