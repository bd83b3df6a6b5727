"""Who acts in this thread: set at the doors, read where an act is written down; decides nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

Kind = Literal["person", "operator", "service", "worker", "command", "tiktok", "system"]
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts: a caller at a door, or a process of our own."""

    kind: Kind
    #: A ticket (person, operator), a key's name (service), the words typed (command), else empty.
    name: str = ""
    #: The address a request came from; empty for what is no request.
    address: str = ""
    #: The reference of that request, which its log lines and its error page have, too.
    reference: str = ""
    #: What the right to act rests on, and is looked up again by: the digest of a browser's session,
    #: the public part of a service's key. Empty where nobody can take the right away.
    credential: str = field(default="", repr=False)

    def known_as(self, ticket: str) -> "Actor":
        """Return the actor once it is known who came in: a command or a worker stays what it is."""
        if self.kind not in ("person", "operator"):
            return self
        return replace(self, kind="person", name=ticket)


#: Nobody came through a door: a start, or a test that calls a service directly.
_NOBODY = Actor("system")
_actor: ContextVar[Actor] = ContextVar("actor", default=_NOBODY)


def current_actor() -> Actor:
    """Return who acts in this thread."""
    return _actor.get()


def act_as(actor: Actor) -> None:
    """Let this thread act for `actor` until somebody else begins in it."""
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
