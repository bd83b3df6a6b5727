"""The session of a browser, in several signed cookies, so a late response can't undo a newer one.

A response that was on its way for a while sets what it knew at its beginning. In one cookie for
everything, its message would sign out someone who has signed in since then in another tab, or take
away a sign-in that has begun there. So each response writes only the cookies that it has changed
(decisions/0026):

- the session cookie has the session's secret, and is written by signing in and out only,
- `attempt-…` one sign-in in progress each (see `sign_in_attempts`),
- `csrf-…` the secret of our forms; two first pages of a new browser set one each, and both work,
- `notes` the rest: messages for the next page and the like.
"""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Request, Response, current_app, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_wtf import CSRFProtect
from itsdangerous import BadSignature, URLSafeTimedSerializer

from webapp.views.http.api_contract import API

#: Methods that change nothing.
SAFE = ("GET", "HEAD", "OPTIONS")
#: Where Flask-WTF keeps the secret of our forms in the session.
CSRF = "csrf_token"
#: The sign-ins that this browser has begun: lists, each with its state first.
ATTEMPTS = "attempts"
#: What the session cookie itself holds: what Flask and Flask-Login need.
_MAIN = frozenset({"_user_id", "_fresh", "_permanent"})
_NOTES = "notes"
_ATTEMPT_LIFE = timedelta(minutes=30)
#: Secrets of forms that a browser may have at the same time.
_MAX_CSRF = 5

Cookies = dict[str, dict[str, Any]]


class BrowserSession(SecureCookieSession):
    """A browser's session, as one mapping."""

    def __init__(self, initial: Mapping[str, Any] | None = None) -> None:
        super().__init__(initial)
        #: The cookies that it was read from, without the prefix of their names.
        self.cookies: Cookies = {}
        #: Every secret of our forms that this browser has.
        self.csrf_secrets: list[str] = []


class BrowserSessions(SecureCookieSessionInterface):
    """Sessions for browsers. Services have none, so no cookie can authenticate them."""

    session_class = BrowserSession

    def __init__(self) -> None:
        self._signer: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Return what signs the cookies of `app`, made once: its keys never change."""
        if self._signer is None:
            self._signer = super().get_signing_serializer(app)
        return self._signer

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the browser's session, or an empty one for services."""
        opened = BrowserSession()
        if request.path.startswith(API) or not request.cookies:
            return opened
        serializer = self.get_signing_serializer(app)
        if serializer is None:
            return opened
        max_age = int(app.permanent_session_lifetime.total_seconds())
        prefix = _prefix(app)
        attempts: list[list[Any]] = []
        for full_name, text in request.cookies.items():
            name = full_name.removeprefix(prefix)
            if not full_name.startswith(prefix) or not _is_ours(name):
                continue
            try:
                values = serializer.loads(text, max_age=max_age)
            except BadSignature:
                continue
            if not isinstance(values, dict) or _cookies(values).keys() != {name}:
                # Signed by us, but for a cookie of another name.
                continue
            opened.cookies[name] = values
            attempts += values.get(ATTEMPTS, [])
            opened.csrf_secrets += [values[CSRF]] if CSRF in values else []
            dict.update(opened, values)
        if attempts:
            dict.update(opened, {ATTEMPTS: sorted(attempts, key=lambda each: each[1])})
        if opened.csrf_secrets:
            dict.update(opened, {CSRF: sorted(opened.csrf_secrets)[0]})
        return opened

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookies that have changed; for services, set no cookie and no Vary."""
        if request.path.startswith(API) or not isinstance(session, BrowserSession):
            return
        if session.accessed or session.modified:
            response.vary.add("Cookie")
        if not session.modified:
            return
        serializer = self.get_signing_serializer(app)
        wanted = _cookies(session)
        if session.get(CSRF) in session.csrf_secrets[:_MAX_CSRF]:
            wanted |= {_csrf_name(each): {CSRF: each} for each in session.csrf_secrets[:_MAX_CSRF]}
        options: dict[str, Any] = {
            "path": self.get_cookie_path(app),
            "secure": self.get_cookie_secure(app),
            "httponly": self.get_cookie_httponly(app),
            "samesite": self.get_cookie_samesite(app),
        }
        prefix = _prefix(app)
        for name in session.cookies.keys() - wanted.keys():
            response.delete_cookie(prefix + name, **options)
        for name, values in wanted.items():
            if values != session.cookies.get(name) and serializer is not None:
                text = str(serializer.dumps(values))
                response.set_cookie(prefix + name, text, expires=_expires(app, name), **options)


def protect_forms(app: Flask) -> CSRFProtect:
    """Require a CSRF token with every form; any of this browser's secrets may have signed it."""
    # Flask-WTF would look for exemptions with every request, before it looks at the method.
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False
    csrf = CSRFProtect(app)

    @app.before_request
    def _protect() -> None:
        if request.method not in SAFE and app.config["WTF_CSRF_ENABLED"]:
            _choose_csrf_secret(app)
            csrf.protect(apply_exemptions=True)

    return csrf


def _choose_csrf_secret(app: Flask) -> None:
    """Make the secret that signed the form the one that Flask-WTF compares it with."""
    secrets = getattr(session, "csrf_secrets", [])
    if len(secrets) < 2:
        return
    signer = URLSafeTimedSerializer(str(app.secret_key), salt="wtf-csrf-token")
    try:
        secret = signer.loads(request.form.get(CSRF, ""))
    except BadSignature:
        return
    if secret in secrets:
        session[CSRF] = secret


def has_cookies() -> bool:
    """Return True if this browser has kept any cookie of ours that a sign-in sets."""
    prefix = _prefix(current_app)
    return any(
        name.startswith(prefix) and _is_ours(name.removeprefix(prefix)) for name in request.cookies
    )


def _prefix(app: Any) -> str:
    """Return what all names begin with: `__Host-` over https."""
    return str(app.config["SESSION_COOKIE_NAME"]).removesuffix("session")


def _is_ours(name: str) -> bool:
    return name in ("session", _NOTES) or name.startswith(("attempt-", "csrf-"))


def _cookies(values: Mapping[str, Any]) -> Cookies:
    """Return the cookies in which these values of a session are kept."""
    cookies: Cookies = {
        "session": {name: value for name, value in values.items() if name in _MAIN},
        _NOTES: {
            name: value
            for name, value in values.items()
            if name not in _MAIN and name not in (CSRF, ATTEMPTS)
        },
    }
    for attempt in values.get(ATTEMPTS, []):
        cookies[f"attempt-{_short(str(attempt[0]))}"] = {ATTEMPTS: [attempt]}
    if CSRF in values:
        cookies[_csrf_name(values[CSRF])] = {CSRF: values[CSRF]}
    return {name: kept for name, kept in cookies.items() if kept}


def _csrf_name(secret: object) -> str:
    return f"csrf-{_short(str(secret))}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _expires(app: Flask, name: str) -> Any:
    if name.startswith("attempt-"):
        return datetime.now(UTC) + _ATTEMPT_LIFE
    if name == "session":
        return datetime.now(UTC) + app.permanent_session_lifetime
    return None
