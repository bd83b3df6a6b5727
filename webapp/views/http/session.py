"""The signed-in person and their browser: connects Flask-Login to the sessions in the database.

The cookie alone is never trusted: each request looks its session up.
"""

from datetime import datetime
from typing import Any, cast

from flask import Flask, request, session
from flask_login import AnonymousUserMixin, LoginManager, UserMixin, current_user, login_user

from webapp.services.connect import sessions
from webapp.views.http.runtime import runtime
from webapp.views.http.signing_in import sign_in_attempts

#: Token in the User-Agent → browser. The first match counts, since most also name others.
#: ua-parser would cost 0.1 s to import and 0.3 s for its first answer in each process.
_BROWSERS = (
    *(("musical_ly", "TikTok"), ("BytedanceWebview", "TikTok"), ("trill_", "TikTok")),
    *(("Instagram", "Instagram"), ("FBAN", "Facebook"), ("FBAV", "Facebook")),
    *(("EdgA/", "Edge"), ("EdgiOS/", "Edge"), ("Edg/", "Edge"), ("Edge/", "Edge")),
    *(("OPR/", "Opera"), ("OPT/", "Opera"), ("OPiOS/", "Opera"), ("Opera", "Opera")),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("YaBrowser/", "Yandex Browser"),
    *(("DuckDuckGo/", "DuckDuckGo"), ("Ddg/", "DuckDuckGo")),
    *(("UCBrowser/", "UC Browser"), ("MiuiBrowser/", "Mi Browser")),
    *(("HuaweiBrowser/", "Huawei Browser"), ("Silk/", "Silk")),
    *(("FxiOS/", "Firefox"), ("Firefox/", "Firefox")),
    *(("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Chromium/", "Chrome")),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS")),
    *(("Windows", "Windows"), ("Macintosh", "Mac"), ("Linux", "Linux"), ("X11", "Linux")),
)
_GOODBYE = "goodbye"
#: Characters of the User-Agent that are read; no browser's is longer.
_MAX_LENGTH = 512


def recognize(user_agent: str) -> tuple[str | None, str | None]:
    """Return browser and system, like "Firefox" and "Linux"; None for what is unknown."""
    text = user_agent[:_MAX_LENGTH]
    browser = next((name for token, name in _BROWSERS if token in text), None)
    return browser, next((name for token, name in _SYSTEMS if token in text), None)


class SignedIn(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """The person of a session, as Flask-Login wants it."""

    def __init__(self, secret: str, visitor: sessions.Visitor) -> None:
        self._secret = secret
        self.person = visitor

    def get_id(self) -> str:
        """Return the session's secret, which the signed cookie contains."""
        return self._secret


def visitor() -> sessions.Visitor | None:
    """Return who is signed in; None if nobody is."""
    # Without a session, Flask-Login would first compute what it could compare with one.
    return getattr(current_user, "person", None) if secret() else None


def me() -> sessions.Visitor:
    """Return who is signed in, in views marked `person`. Raises PermissionError if nobody is."""
    present = visitor()
    if present is None:
        raise PermissionError("nobody is signed in")
    return present


def secret() -> str:
    """Return the secret of this browser's session; empty if there is none."""
    return cast(str | None, session.get("_user_id")) or ""


def device(began_at: datetime) -> sessions.Device:
    """Return what is stored about this browser when a sign-in that began then is finished."""
    browser, system = recognize(request.user_agent.string)
    return sessions.Device(browser, system, replaces=secret(), began_at=began_at)


def sign_in(session_secret: str) -> bool:
    """Give this browser the session of this secret in place of any former one (ASVS 7.2.4).

    Return False, with nobody signed in, if the session has ended since it was created.
    """
    found = sessions.find(runtime(), session_secret, runtime().clock(), arrived=False)
    pending = {key: session[key] for key in sign_in_attempts.KEPT if key in session}
    session.clear()
    # Another tab may still be at TikTok; which account it may end in is checked on its return.
    session.update(pending)
    session.permanent = True
    if found is not None:
        login_user(SignedIn(session_secret, found))
    return found is not None


def sign_out(*, everywhere: bool = False) -> bool:
    """End this browser's session, or all of this person's sessions, and empty the cookie.

    Return False if the cookie is empty but the database could not record the end. Raises
    PersonGone and NoLongerAllowed if `everywhere` and this session had already ended.
    """
    present = visitor()
    ended = True
    if everywhere and present is not None:
        ended = sessions.end_everywhere(present.ref, runtime().clock())
    if ended and (session_secret := secret()):
        ended = sessions.end(session_secret)
    session.clear()
    return ended


def say_goodbye() -> None:
    """Let the next home page of this browser be the one that follows the end of an account."""
    session[_GOODBYE] = True


def goodbye() -> bool:
    """Return True, once, if this browser has just ended its account."""
    return _GOODBYE in session and bool(session.pop(_GOODBYE))


def register(app: Flask) -> None:
    """Make Flask-Login look people up by their session's secret."""
    login = LoginManager()
    # Not `init_app`: it handles a remember cookie, which we don't use, by opening the session at
    # the end of every request, and so adds Vary: Cookie to every response.
    app.login_manager = login  # type: ignore[attr-defined]  # where Flask-Login looks for it
    # Our sessions end on the server; its check of address and browser would sign out phones.
    login.session_protection = None
    login.anonymous_user = AnonymousUserMixin

    @login.user_loader  # type: ignore[untyped-decorator]  # Flask-Login has no types
    def _load(secret: str) -> Any:
        found = sessions.find(runtime(), secret, runtime().clock())
        return found and SignedIn(secret, found)
