"""Lets something happen while a body arrives, after the guards, or while TikTok works; no test."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from flask import Flask

from webapp.tiktok.provider import Provider


class Arriving(BytesIO):
    """A body whose last byte comes after something has happened."""

    def __init__(self, body: bytes, happens: Callable[[], object]) -> None:
        """Take the whole body, and what happens before it is all there."""
        super().__init__(body)
        self._happens = happens

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the body, or what is asked for of it."""
        if body := super().read(size):
            self._happens()
        return body


class Interrupted(Provider):
    """TikTok as it is; once, something happens while one kind of call is under way."""

    def __init__(self, true: Provider, call: str, happens: Callable[[], object]) -> None:
        """Take the true provider, the name of the call, and what happens before its answer."""
        self.true, self._call, self._happens = true, call, [happens]

    def __getattribute__(self, name: str) -> Any:
        """Return a call of the true provider, with what happens during it."""
        if name not in ("refresh", "revoke", "user_info", "exchange"):
            return super().__getattribute__(name)
        return lambda *args, **kwargs: self._through(name, *args, **kwargs)

    def authorization_url(self, **asked: Any) -> str:
        """Return the true provider's address."""
        return self.true.authorization_url(**asked)

    def _through(self, name: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(self.true, name)(*args, **kwargs)
        finally:
            if name == self._call and self._happens:
                self._happens.pop()()


def between(app: Flask, happens: Callable[[], None]) -> None:
    """Let something happen after every guard has answered, and before each view runs."""
    app.before_request_funcs[None].append(happens)


def as_before(app: Flask) -> None:
    """Let nothing happen there any more."""
    app.before_request_funcs[None].pop()
