"""A made-up person as a function of their number: name, state, times; stores and seals nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from webapp.models import Reason, Status
from webapp.services.connect.connect import TICKET_LETTERS
from webapp.services.made_up_names import SCRIPTS

#: How the open_id of everybody made up begins; TikTok's are random after `-000`.
PREFIX = "-000demo-"
#: The worker is to leave them alone: the sandbox knows none of them and would refuse them all.
FAR_OFF = timedelta(days=365)
_DAY = timedelta(days=1)
#: An odd number that shares no factor with the number of tickets, so that no two are the same.
_STRIDE = 48_271_000_007
_TICKETS = len(TICKET_LETTERS) ** 8
_REASONS = tuple(each.value for each in Reason)
_ERRORS = ("temporarily_unavailable", "server_error", "rate_limit_exceeded", "no_answer")


@dataclass(frozen=True, slots=True)
class Dice:
    """Sixteen throws that are the same for the same number, each in [0, 1)."""

    _bytes: bytes

    @classmethod
    def of(cls, number: int) -> "Dice":
        """Return the throws of this number."""
        return cls(blake2b(number.to_bytes(8, "big"), digest_size=32).digest())

    def share(self, throw: int) -> float:
        """Return one of the throws, 0 to 15."""
        at = 2 * throw
        return (self._bytes[at] << 8 | self._bytes[at + 1]) / 65536

    def pick(self, throw: int, words: Sequence[str]) -> str:
        """Return one of the words."""
        return words[int(self.share(throw) * len(words))]

    def token(self, kind: str) -> str:
        """Return what looks like a token of TikTok's and is none."""
        return f"{kind}.made-up.{self._bytes.hex()}"


def open_id(number: int) -> str:
    """Return the open_id of this number; they sort as the numbers do."""
    return f"{PREFIX}{number:09}"


def number_of(an_open_id: str) -> int:
    """Return whose open_id this is. Raises ValueError if it is nobody's who was made up."""
    return int(an_open_id.removeprefix(PREFIX))


def columns(number: int, dice: Dice, asked: Sequence[str], now: datetime) -> dict[str, Any]:
    """Return all columns but `client_key` and the tokens; a revoked one is to have no tokens."""
    values = {
        "open_id": open_id(number),
        "ticket": _ticket(number),
        **_name(dice, number),
        **_scopes(dice, asked),
        **_healthy(dice, now),
    }
    state = dice.share(0) * 1000
    for limit, change in _STATES:
        if state < limit:
            return values | change(dice, now)
    return values


def _healthy(dice: Dice, now: datetime) -> dict[str, Any]:
    """Return the times of an active connection, whose access is good for 45 min to a day."""
    expires = now + timedelta(minutes=45) + (_DAY - timedelta(minutes=45)) * dice.share(1)
    connected = now - 360 * _DAY * dice.share(2) ** 2
    refreshes = int((now - connected) / _DAY * 1.6)
    return {
        "created_at": connected - 60 * _DAY * dice.share(3),
        "connected_at": connected,
        "refreshes": refreshes,
        "version": refreshes + 1,
        "refreshed_at": expires - _DAY if refreshes else connected,
        "last_used_at": now - 40 * _DAY * dice.share(4) ** 4 if dice.share(5) < 0.9 else None,
        "access_expires_at": expires,
        "refresh_expires_at": connected + 365 * _DAY,
        "next_at": now + FAR_OFF + _DAY * dice.share(6),
        "status": Status.ACTIVE.value,
        "reason": None,
        "ended_at": None,
        "failing_since": None,
        "failures": 0,
        "last_error": None,
        "last_log_id": None,
    }


def _soon(dice: Dice, now: datetime) -> dict[str, Any]:
    expires = now + timedelta(minutes=25) - timedelta(minutes=55) * dice.share(1)
    return {"access_expires_at": expires, "refreshed_at": expires - _DAY}


def _failing(dice: Dice, now: datetime) -> dict[str, Any]:
    since = now - timedelta(minutes=5) - timedelta(hours=30) * dice.share(7)
    return {
        "status": Status.FAILING.value,
        "failures": 1 + int((now - since) / timedelta(minutes=15)),
        "last_error": dice.pick(8, _ERRORS),
        "last_log_id": dice.token("log")[12:32].upper(),
        "ended_at": since,
        "failing_since": since,
        "access_expires_at": since + _DAY * dice.share(1) / 2,
    }


def _reconnect(dice: Dice, now: datetime) -> dict[str, Any]:
    reason, since = dice.pick(8, _REASONS), now - 60 * _DAY * dice.share(7)
    over = {"refresh_expires_at": since} if reason == Reason.GRANT_OVER else {}
    return {
        "status": Status.RECONNECT.value,
        "reason": reason,
        "ended_at": since,
        "last_error": "invalid_grant",
        "access_expires_at": since + timedelta(hours=6),
        "next_at": None,
        **over,
    }


def _revoking(dice: Dice, now: datetime) -> dict[str, Any]:
    since = now - timedelta(hours=20) * dice.share(7)
    return {"status": Status.REVOKING.value, "ended_at": since, "failures": 3}


def _revoked(dice: Dice, now: datetime) -> dict[str, Any]:
    return {
        "status": Status.REVOKED.value,
        "ended_at": now - 90 * _DAY * dice.share(7),
        "scope": "",
        **dict.fromkeys(("access_expires_at", "refresh_expires_at", "next_at")),
    }


#: Out of a thousand, each up to the limit; who is above all of them is healthy.
_STATES = ((2, _revoking), (10, _revoked), (30, _reconnect), (50, _failing), (70, _soon))


def _name(dice: Dice, number: int) -> dict[str, Any]:
    """Return a name of two or three words; one in twenty gave none yet."""
    if dice.share(9) < 0.05:
        return {"display_name": None, "username": None, "union_id": None}
    # The first script as often as all others together.
    script = SCRIPTS[max(0, int(dice.share(10) * 2 * len(SCRIPTS)) - len(SCRIPTS))]
    words = [dice.pick(11 + at, some) for at, some in enumerate(script)]
    return {
        "display_name": " ".join(filter(None, words)),
        "username": f"demo.{number}",
        "union_id": f"demo-union-{number:09}",
    }


def _scopes(dice: Dice, asked: Sequence[str]) -> dict[str, Any]:
    """Return what was asked for and granted: the first always, each further one by most."""
    first, *further = asked
    chances = [dice.share(14) * (at + 1) * 7 % 1 for at in range(len(further))]
    granted = [first] + [one for one, share in zip(further, chances, strict=True) if share < 0.8]
    return {"asked_scope": ",".join(sorted(asked)), "scope": ",".join(sorted(granted))}


def _ticket(number: int) -> str:
    """Return a ticket that no other number has: the stride walks through all of them."""
    left, letters = number * _STRIDE % _TICKETS, []
    for _ in range(8):
        left, at = divmod(left, len(TICKET_LETTERS))
        letters.append(TICKET_LETTERS[at])
    return f"ct_{''.join(letters[:4])}-{''.join(letters[4:])}"
