"""Flask's signed session cookie, for people only: below /api/v1/ none is read and none is set."""

from flask import Flask, Request, Response, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

from webapp.views.http.api_document import API


class PeopleOnly(SecureCookieSessionInterface):
    """The session of a browser. A service has none, so no cookie can ever speak for it."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the browser's session; an empty one for services."""
        if request.path.startswith(API):
            return self.session_class()
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie if anything changed; nothing, and no Vary: Cookie, for services."""
        # What was read is an empty session: nothing of theirs varies by a cookie.
        if not request.path.startswith(API):
            super().save_session(app, session, response)
