"""Adapts Authlib's Flask OAuth client to TikTok's dialect of RFC 6749.

Each difference has one place: the authorize URL in `create_authorization_url`, the form of
exchange, refresh and revoke in `client_key_post`, the transport in `compliance_fix`, and the
answers in `parse_response_token`, which returns them unparsed for `webapp.tiktok.answers`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Protocol
from urllib.parse import urlencode

from authlib.integrations.flask_client import FlaskOAuth2App, OAuth
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask
from requests import PreparedRequest, Response
from requests.structures import CaseInsensitiveDict

from webapp.settings import Settings
from webapp.tiktok.transport import Transport

_AUTH_METHOD = "client_key_post"
_FORM = "application/x-www-form-urlencoded"
#: Not part of TikTok's contract (rule 2), or not of the form of a token call (rule 24).
_UNWANTED = ("client_id", "scope", "token_type_hint")


class _Credentials(Protocol):
    client_id: str
    client_secret: str


class TikTokSession(OAuth2Session):  # type: ignore[misc]  # Authlib publishes no types
    """Makes calls to TikTok with our headers only: no cookies, netrc, hooks or redirects."""

    def request(
        self,
        method: str,
        url: str,
        *,
        auth: Callable[[PreparedRequest], PreparedRequest] | None = None,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **_options: object,
    ) -> Response:
        """Make one call and return its response.

        Replaces what requests does, of which we need little: it took half the CPU time of a call.
        A redirect isn't followed, because it would take the secret elsewhere (rule 21).
        """
        request = PreparedRequest()
        request.method = method
        request.url = f"{url}?{urlencode(params)}" if params else url
        request.headers = CaseInsensitiveDict({**self.headers, **(headers or {})})
        # Still a form: `client_key_post` encodes it with the credentials.
        request.body = data  # type: ignore[assignment]
        (auth or self.token_auth)(request)
        response: Response = self.get_adapter(url).send(request)
        return response

    def create_authorization_url(
        self, url: str, state: str, scope: Sequence[str], **more: str
    ) -> tuple[str, str]:
        """Return the URL to send the browser to, and the state (rules 1 to 5, 7)."""
        query = {
            "client_key": self.client_id,
            "response_type": "code",
            "scope": ",".join(scope),
            "redirect_uri": self.redirect_uri,
            "state": state,
            **more,
        }
        return f"{url}?{urlencode(query)}", state

    def parse_response_token(self, response: Response) -> Response:
        """Return the raw answer: Authlib would accept bad ones and reject good ones (rule 26)."""
        return response


class TikTokApp(FlaskOAuth2App):  # type: ignore[misc]  # Authlib publishes no types
    """TikTok as an Authlib app, plus revoking, which Authlib's app doesn't have."""

    client_cls = TikTokSession

    def fetch_access_token(self, redirect_uri: str | None = None, **params: str) -> Response:
        """Ask the token endpoint, and return the raw answer."""
        if redirect_uri is not None:
            params["redirect_uri"] = redirect_uri
        response: Response = self._token_session.fetch_token(self.access_token_url, **params)
        return response

    def revoke_token(self, url: str, token: str) -> Response:
        """Ask TikTok to end the grant of an access token (RFC 7009, TikTok's form)."""
        response: Response = self._token_session.revoke_token(url, token=token)
        return response

    @cached_property
    def _token_session(self) -> TikTokSession:
        """Return the session of all token calls, in all threads.

        They change nothing in it, because the parameters are passed with each call and
        `parse_response_token` stores nothing. Calls with an access token do, so Authlib makes a
        session for each of those.
        """
        session: TikTokSession = self._get_oauth_client(**self.load_server_metadata())
        return session


def client_key_post(
    client: _Credentials,
    method: str,
    uri: str,
    headers: CaseInsensitiveDict[str],
    body: Mapping[str, str],
) -> tuple[str, CaseInsensitiveDict[str], str]:
    """Add the credentials to the form of a token call, under TikTok's names (rules 22 to 24).

    Refresh and revoke use a fresh connection: if a reused one turns out to be dead, we can't know
    whether TikTok received the request. A lost exchange costs nothing: the person just signs in
    again.
    """
    form = {name: value for name, value in body.items() if name not in _UNWANTED}
    form |= {"client_key": client.client_id, "client_secret": client.client_secret}
    headers["Content-Type"] = _FORM
    headers["Accept"] = "application/json"
    if form.get("grant_type") in (None, "refresh_token"):
        headers["Connection"] = "close"
    return uri, headers, urlencode(form)


def register(app: Flask, settings: Settings, transport: Transport) -> TikTokApp:
    """Register TikTok as a custom provider of this Flask app, once per app.

    No `code_challenge_method` is passed: with one, Authlib logs the verifier at DEBUG. TikTok's
    challenge differs from RFC 7636's anyway, so webapp.tiktok.pkce computes it.
    """

    def mount(session: TikTokSession) -> None:
        session.mount("https://", transport)
        session.mount("http://", transport)

    client: TikTokApp = OAuth(app).register(
        "tiktok",
        client_cls=TikTokApp,
        client_id=settings.tiktok_client_key,
        client_secret=settings.tiktok_client_secret.get_secret_value(),
        authorize_url=settings.tiktok_authorize_url,
        access_token_url=f"{settings.tiktok_api_url}oauth/token/",
        api_base_url=settings.tiktok_api_url,
        client_kwargs={
            "token_endpoint_auth_method": _AUTH_METHOD,
            "revocation_endpoint_auth_method": _AUTH_METHOD,
            # No proxy, netrc or CA bundle from the environment.
            "trust_env": False,
        },
        client_auth_methods=[(_AUTH_METHOD, client_key_post)],
        compliance_fix=mount,
        user_agent="Coatcheck",
    )
    return client
