"""Turns times, numbers, names and states of health into words for pages; never reads a row."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from flask import Flask

from webapp.clock import Clock, utc_now
from webapp.views.endings import ending, is_closed

#: Longer names are cut, so that a name cannot push the rest of a page away.
LONGEST_NAME = 50
NAMELESS = "TikTok account"
#: Invisible, yet some scripts and emoji are spelled with them.
JOINERS = "\u200c\u200d"
UNITS = (("year", 365 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))


class Tag(NamedTuple):
    """A state in one word, and the colour and shape (`ok`, `warn`, `bad`, `off`) it comes in."""

    kind: str
    word: str


CONNECTED = Tag("ok", "Connected")
RETRIED = Tag("warn", "Connected, being retried")
DISCONNECTED = Tag("off", "Disconnected")
FOR_PEOPLE = {
    "fresh": CONNECTED,
    "due": CONNECTED,
    "refreshing": CONNECTED,
    "failing": RETRIED,
    "expired": Tag("warn", "Access has run out"),
    "reconnect": Tag("bad", "Needs you"),
    "revoking": DISCONNECTED,
    "revoked": DISCONNECTED,
}
FOR_OPERATORS = {
    "fresh": Tag("ok", "Healthy"),
    "due": Tag("ok", "Refresh due"),
    "refreshing": Tag("ok", "Refreshing"),
    "failing": Tag("warn", "Refresh failing"),
    "expired": Tag("warn", "Access expired"),
    "reconnect": Tag("bad", "Needs user"),
    "revoking": Tag("off", "Revoking"),
    "revoked": Tag("off", "Revoked"),
}

#: By `State`, the five words of the operators' list.
STATES = {
    "healthy": Tag("ok", "Healthy"),
    "soon": Tag("warn", "Expires soon"),
    "failing": Tag("warn", "Refresh failing"),
    "reconnect": Tag("bad", "Needs user"),
    "revoked": Tag("off", "Revoked"),
}


def health_word(health: str) -> Tag:
    """Return what the person is told about the health of their connection.

    Raises KeyError if `health` is not a state of health.
    """
    return FOR_PEOPLE[health]


def is_connected(health: str) -> bool:
    """Say whether people of this health are told that they are connected."""
    return health_word(health) in (CONNECTED, RETRIED)


def operator_word(health: str) -> Tag:
    """Return what an operator is told about the health of a connection.

    Raises KeyError if `health` is not a state of health.
    """
    return FOR_OPERATORS[health]


def state_word(state: str) -> Tag:
    """Return what the operators' list calls a state. Raises KeyError if it is none of `State`."""
    return STATES[state]


def plural(count: int, one: str, many: str = "") -> str:
    """Return `count` with its noun: "1 permission", "1,204 permissions"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def in_words(items: Sequence[str]) -> str:
    """Return a list as it is said: "a", "a and b", "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def quoted(text: str) -> str:
    """Return `text` between quotation marks."""
    return f"“{text}”"


def sentence(text: str) -> str:
    """Return `text` with a capital and a full stop."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def relative(moment: datetime, now: datetime) -> str:
    """Return how far away an aware `moment` is, in whole units: "3 hours ago", "in 5 days"."""
    seconds = (moment - now).total_seconds()
    for unit, size in UNITS:
        if abs(seconds) >= size:
            span = plural(int(abs(seconds) // size), unit)
            return f"in {span}" if seconds > 0 else f"{span} ago"
    return "in a moment" if seconds > 0 else "just now"


def duration(seconds: float) -> str:
    """Return how long something takes, in whole units: "3 minutes", "12 seconds"."""
    for unit, size in (*UNITS, ("second", 1)):
        if seconds >= size:
            return plural(int(seconds // size), unit)
    return "less than a second"


def answer_time(bound: int | None) -> str:
    """Return the upper bound of a class of answer times, in milliseconds; None: beyond them all."""
    return "more than 5,000 ms" if bound is None else f"≤ {bound:,} ms"


def exact(moment: datetime) -> str:
    """Return an aware UTC `moment` for reading: "22 November 2026, 14:06 UTC"."""
    return f"{day(moment)}, {clock_time(moment)}"


def day(moment: datetime) -> str:
    """Return the date of an aware UTC `moment`: "22 November 2026"."""
    return f"{moment.day} {moment:%B %Y}"


def clock_time(moment: datetime) -> str:
    """Return the time of day of an aware UTC `moment`: "14:06 UTC"."""
    return f"{moment:%H:%M} UTC"


def iso(moment: datetime) -> str:
    """Return an aware UTC `moment` for machines (RFC 3339, whole seconds)."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def display_name(raw: str | None) -> str:
    """Return a name that is safe to print: one short line without control or bidi characters.

    A name that has nothing to see becomes "TikTok account".
    """
    shown = "".join(" " if char.isspace() else char for char in raw or "" if _is_printable(char))
    name = " ".join(shown.split())
    if not any(unicodedata.category(char)[0] in "LNPS" for char in name):
        return NAMELESS
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"


def _is_printable(char: str) -> bool:
    """Say whether `char` may stand in a name: text, white space, or a joiner inside a word."""
    return char in JOINERS or char.isspace() or unicodedata.category(char)[0] not in "CZ"


def initials(raw: str | None) -> str:
    """Return one or two capitals for the circle on the ticket; "?" for a name without letters."""
    letters = [next((c for c in word if c.isalnum()), "") for word in display_name(raw).split()]
    found = [letter.upper()[:1] for letter in letters if letter]
    return "".join(found[:1] + found[1:][-1:]) or "?"


def register(app: Flask, clock: Clock = utc_now) -> None:
    """Give the templates these functions as filters; `relative` looks at `clock`."""
    app.jinja_env.filters.update(
        answer_time=answer_time,
        clock_time=clock_time,
        day=day,
        display_name=display_name,
        duration=duration,
        ending=ending,
        exact=exact,
        health_word=health_word,
        in_words=in_words,
        initials=initials,
        is_closed=is_closed,
        iso=iso,
        operator_word=operator_word,
        plural=plural,
        quoted=quoted,
        sentence=sentence,
        state_word=state_word,
        relative=lambda moment: relative(moment, clock()),
    )
