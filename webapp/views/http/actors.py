"""Says at the door of a request who acts in it, so that what is done is written down under that.

Every request begins anew, also one that nothing matches: a thread serves many people in turn.
"""

from flask import Flask, g, request

from webapp import acting
from webapp.acting import Actor, Kind


def register(app: Flask) -> None:
    """Begin every request as somebody unknown, and let nobody act after it."""

    @app.before_request
    def _begin() -> None:
        acting.begin(_actor("person"))

    @app.teardown_request
    def _end(_error: BaseException | None) -> None:
        acting.end()


def enter(who: str | None) -> None:
    """Let TikTok act on its own route; who else it is turns out further on."""
    if who == "tiktok":
        acting.begin(_actor("tiktok"))


def name(kind: Kind, name: str, credential: str) -> None:
    """Let the rest of this request be done by whoever was just recognised.

    `credential`: what their right rests on (see `acting.Actor`).
    """
    acting.begin(_actor(kind, name, credential))


def _actor(kind: Kind, name: str = "", credential: str = "") -> Actor:
    reference = str(g.get("request_id", ""))
    return Actor(kind, name, request.remote_addr or "", reference, credential)
