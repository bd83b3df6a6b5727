"""Requests whose last byte is kept back, over a real socket; holds no test."""

import http.client
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.journeys.http_browser import HttpBrowser
from tests.journeys.raw import RawAnswer
from tests.servers import ANSWER_WITHIN


class Held:
    """One POST of which everything was sent but the last bytes."""

    def __init__(
        self, origin: str, path: str, body: bytes, headers: Mapping[str, str], *, keep: int = 1
    ) -> None:
        """Send it, but for the last `keep` bytes."""
        parts = urlsplit(origin)
        lines = [f"POST {path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
        self.rest = body[-keep:]
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=30)
        self.socket.sendall(head + body[:-keep])

    @classmethod
    def form(
        cls, browser: HttpBrowser, path: str, data: Mapping[str, Any], *, keep: int = 1
    ) -> "Held":
        """Hold a form of this browser back; `data` has its token already."""
        cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        headers = {"Cookie": cookies, "Content-Type": "application/x-www-form-urlencoded"}
        body = urlencode(data, doseq=True).encode()
        return cls(browser.origin, path, body, headers, keep=keep)

    def finish(self) -> RawAnswer:
        """Send the rest and return the answer."""
        self.socket.sendall(self.rest)
        return self.answer()

    def answer(self) -> RawAnswer:
        """Return what the server answers. Raises http.client.HTTPException if it says nothing."""
        self.socket.settimeout(ANSWER_WITHIN + 20)
        with self.socket:
            answer = http.client.HTTPResponse(self.socket, method="POST")
            answer.begin()
            return RawAnswer(answer.status, answer.headers, answer.read())
