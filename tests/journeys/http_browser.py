"""A person's browser over real HTTP, without Chromium: cookies and forms, never a redirect."""

import zlib
from typing import Any
from urllib.parse import urljoin

import requests
from itsdangerous import base64_decode

from tests.servers import ANSWER_WITHIN

COOKIE = "session"


class HttpBrowser(requests.Session):
    """One browser's worth of cookies at one origin; `tests.walk` walks with it."""

    def __init__(self, origin: str) -> None:
        """Take the app's origin; paths are taken on it."""
        super().__init__()
        self.trust_env = False
        self.origin = origin
        #: The body of every answer so far, for tests that look for what must not be in one.
        self.bodies: list[bytes] = []

    def request(self, method: Any, url: Any, *args: Any, **options: Any) -> requests.Response:
        """Make a request at the origin; the test follows redirects itself."""
        options = {"timeout": ANSWER_WITHIN + 5} | options | {"allow_redirects": False}
        answer = super().request(method, urljoin(self.origin, url), *args, **options)
        self.bodies.append(answer.content)
        return answer

    @property
    def cookie(self) -> str:
        """The session cookie as it was last set."""
        return str(self.cookies.get(COOKIE, ""))

    @property
    def cookie_line(self) -> str:
        """All its cookies, as in the header `Cookie`."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)


def opened(cookie: str) -> str:
    """Return what a signed session cookie says to anyone who holds it: JSON, without any key."""
    payload = cookie.removeprefix(".").split(".")[0]
    plain = base64_decode(payload)
    return (zlib.decompress(plain) if cookie.startswith(".") else plain).decode()
