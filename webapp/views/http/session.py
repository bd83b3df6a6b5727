"""Tells browser and system from a User-Agent, in two words people know; keeps nothing of it.

A table of our own: ua-parser took 0.1 s to import and 0.3 s for its first answer, a process,
to tell versions and devices that nobody here asks for.


Who is signed in, between Flask-Login and our sessions; never trusts the cookie alone.
"""

from typing import Any, cast

from flask import Flask, request, session
from flask_login import AnonymousUserMixin, LoginManager, UserMixin, current_user, login_user

from webapp.language import gettext as _
from webapp.services.connect import sessions
from webapp.views.http import sign_in_attempts
from webapp.views.http.runtime import runtime

#: By what the header holds; the first that is found counts, since most also say what they copy.
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
#: No browser's is longer; whatever comes behind is not looked at.
_LONGEST = 512


def recognize(user_agent: str) -> tuple[str | None, str | None]:
    """Return browser and system, like "Firefox" and "Linux"; None for what cannot be told."""
    told = user_agent[:_LONGEST]
    browser = next((word for mark, word in _BROWSERS if mark in told), None)
    return browser, next((word for mark, word in _SYSTEMS if mark in told), None)


def browser_name(browser: str | None, system: str | None) -> str:
    """Return a browser as its person knows it: "Firefox on Linux", "Unknown browser"."""
    if browser and system:
        return _("%(browser)s on %(system)s", browser=browser, system=system)
    if system:
        return _("Unknown browser on %(system)s", system=system)
    return browser or _("Unknown browser")


class SignedIn(UserMixin):  # type: ignore[misc]  # Flask-Login has no types
    """The person behind this request; `get_id` is the secret that finds their session again."""

    def __init__(self, secret: str, visitor: sessions.Visitor) -> None:
        self._secret = secret
        self.person = visitor

    def get_id(self) -> str:
        """Return the session's secret, which the signed cookie carries."""
        return self._secret


def visitor() -> sessions.Visitor | None:
    """Return who is signed in; None if nobody is."""
    return getattr(current_user, "person", None)


def me() -> sessions.Visitor:
    """Return who is signed in, where the guard let only people in. Raises PermissionError."""
    present = visitor()
    if present is None:
        raise PermissionError("no person behind this request")
    return present


def secret() -> str:
    """Return the secret of this browser's session; empty without one."""
    return cast(str | None, session.get("_user_id")) or ""


def device() -> sessions.Device:
    """Return what is written down of this browser when it is signed in."""
    browser, system = recognize(request.user_agent.string)
    return sessions.Device(browser, system, replaces=secret())


def sign_in(begun: str) -> bool:
    """Give this browser the session of this secret; its former one is dead (ASVS 7.2.4).

    False, and nobody is signed in, if the account was deleted after the session was begun.
    """
    ours = runtime()
    found = sessions.find(ours, begun, ours.clock())
    under_way = {key: session[key] for key in sign_in_attempts.KEPT if key in session}
    session.clear()
    # Another tab may still be at TikTok; whose account it may end in is judged when it is back.
    session.update(under_way)
    session.permanent = True
    if found is not None:
        login_user(SignedIn(begun, found))
    return found is not None


def sign_out(*, everywhere: bool = False) -> None:
    """End this browser's session, or all of this person's, and empty the cookie.

    Raises PersonGone and NoLongerAllowed if all were to end and this one had ended already.
    """
    present = visitor()
    if everywhere and present is not None:
        sessions.end_everywhere(present.ref, runtime().clock())
    _end_present()
    session.clear()


def register(app: Flask) -> None:
    """Teach Flask-Login to find a person by their session's secret."""
    login = LoginManager()
    # Not its `init_app`: for the sake of a remember cookie, which nobody has here, that opens
    # the session at the end of every request, and so lets every answer vary by the cookie.
    app.login_manager = login  # type: ignore[attr-defined]  # where Flask-Login looks for it
    # Our sessions end on the server; its own guess by address and browser would sign phones out.
    login.session_protection = None
    login.anonymous_user = AnonymousUserMixin

    @login.user_loader  # type: ignore[untyped-decorator]  # Flask-Login has no types
    def _load(secret: str) -> Any:
        ours = runtime()
        found = sessions.find(ours, secret, ours.clock())
        return found and SignedIn(secret, found)


def _end_present() -> None:
    if present := secret():
        sessions.end(present)
