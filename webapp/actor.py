"""Who acts in this thread: set at the entry points, read where an action is recorded."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

Kind = Literal["person", "operator", "service", "worker", "command", "tiktok", "system"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller of an entry point, or one of our own processes."""

    kind: Kind
    #: A ticket (person, operator), a key's name (service), the words typed (command), the ID of the
    #: bulk job for which it acts (worker), else empty.
    name: str = ""
    #: The address of the request; empty outside a request.
    address: str = ""
    #: The request id, as in the log lines and on the error page; empty outside a request.
    reference: str = ""
    #: By what the right to act is checked again: the digest of a browser's session, or the public
    #: part of a service's key. Empty where the right cannot be lost.
    credential: str = field(default="", repr=False)

    def known_as(self, ticket: str) -> "Actor":
        """Return the actor after a sign-in as this person; a command or worker stays what it is."""
        if self.kind not in ("person", "operator"):
            return self
        return replace(self, kind="person", name=ticket)


#: Outside all entry points: at start-up, or in a test that calls a service directly.
_NOBODY = Actor("system")
_actor: ContextVar[Actor] = ContextVar("actor", default=_NOBODY)


def current_actor() -> Actor:
    """Return who acts in this thread."""
    return _actor.get()


def act_as(actor: Actor) -> None:
    """Let this thread act for `actor` until the next call."""
    _actor.set(actor)


def act_as_nobody() -> None:
    """Let this thread act for nobody."""
    _actor.set(_NOBODY)


@contextmanager
def acting_as(actor: Actor) -> Iterator[None]:
    """Let this thread act for `actor` while the block runs."""
    token = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(token)
