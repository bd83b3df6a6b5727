"""Filters that turn times, sizes, numbers, names and states into text for the templates."""

import math
import unicodedata
from collections.abc import Callable, MutableMapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from types import FunctionType
from typing import Any, NamedTuple, Protocol

from flask import Flask, request
from flask.templating import Environment
from jinja2.runtime import Context
from markupsafe import Markup, escape

from webapp import language
from webapp.clock import Clock, utc_now
from webapp.language import N_, ngettext
from webapp.language import gettext as _
from webapp.services import people
from webapp.views.http.ending_texts import ending, is_closed

#: Longer names are cut, so that a name cannot push the rest of a page away.
LONGEST_NAME = 50
NAMELESS = N_("TikTok account")
#: What Jinja's decorators, such as `pass_context`, set on a function.
_WANTS_CONTEXT = "jinja_pass_arg"
_UNITS: Sequence[tuple[language.Unit, int]] = (
    ("year", 365 * 86400),
    ("day", 86400),
    ("hour", 3600),
    ("minute", 60),
)


class _Context(Context):
    """A template's variables; it calls a plain function without asking what it may want to know."""

    def call(self, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call a function for a template. Jinja's own way takes far longer than most calls."""
        if type(func) is not FunctionType or hasattr(func, _WANTS_CONTEXT):
            return super().call(func, *args, **kwargs)
        # Jinja passes these along for functions that want the context.
        kwargs.pop("_block_vars", None)
        kwargs.pop("_loop_vars", None)
        return func(*args, **kwargs)


class Templates(Environment):
    """Jinja's environment for templates that have no globals of their own, only common ones."""

    context_class = _Context

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """Return the common globals. Jinja would look each of them up twice for each import."""
        return super().make_globals(d) if d else self.globals


def relative(moment: datetime, now: datetime) -> str:
    """Return the distance to an aware `moment` in whole units: "3 hours ago", "in 5 days"."""
    seconds = (moment - now).total_seconds()
    for unit, size in _UNITS:
        if abs(seconds) >= size:
            return language.distance(int(seconds / size) * size, unit)
    return _("in a moment") if seconds > 0 else _("just now")


def duration(seconds: float) -> str:
    """Return a duration in whole units: "3 minutes", "12 seconds"."""
    for unit, size in (*_UNITS, ("second", 1)):
        if seconds >= size:
            return language.span(int(seconds // size), unit)
    return _("less than a second")


def about(seconds: float) -> str:
    """Return a time to wait in words, rounded up: "20 seconds", "1 minute", "4 minutes"."""
    rounded = max(math.ceil(seconds / 5) * 5, 5)
    if rounded <= 90 and rounded != 60:
        return language.span(rounded, "second")
    minutes = math.ceil(seconds / 60)
    if minutes % 60 == 0:
        return language.span(minutes // 60, "hour")
    return language.span(minutes, "minute")


def exact(moment: datetime) -> str:
    """Return an aware UTC `moment` as text: "22 November 2026, 14:06 UTC"."""
    return _("%(day)s, %(time)s", day=language.day(moment), time=clock_time(moment))


def clock_time(moment: datetime) -> str:
    """Return the time of day of an aware UTC `moment`: "14:06 UTC"."""
    return f"{moment.hour:02}:{moment.minute:02} UTC"


def time_or_day(moment: datetime, now: datetime) -> str:
    """Return the time of an aware UTC `moment`, with its day unless that is today's."""
    return clock_time(moment) if moment.date() == now.date() else exact(moment)


def iso(moment: datetime) -> str:
    """Return an aware UTC `moment` as RFC 3339, in whole seconds."""
    return f"{moment.isoformat()[:19]}Z"


def when(moment: datetime | None, now: datetime, *, by_day: bool = False) -> Markup:
    """Return a time in words, or `by_day` its date, with the exact time on hover."""
    if moment is None:
        text = escape(_("unknown"))
        # The text is escaped; so is all that follows.
        return Markup(f'<span class="muted">{text}</span>')  # noqa: S704  # as above
    text = escape(language.medium_day(moment) if by_day else relative(moment, now))
    kind = "" if by_day else " data-relative"
    before, after = _around_time(moment.toordinal(), language.current().code)
    title = f"{before}{clock_time(moment)}{after}"
    attributes = f'datetime="{iso(moment)}" title="{title}"{kind}'
    return Markup(f"<time {attributes}>{text}</time>")  # noqa: S704  # as above


@lru_cache(maxsize=1024)
def _around_time(ordinal: int, code: str) -> tuple[Markup, Markup]:
    """Return what `exact` puts before and after the time on a day, in the current language `code`.

    Both are escaped.
    """
    day = language.day(date.fromordinal(ordinal))
    before, _time, after = _("%(day)s, %(time)s", day=day, time="\0").partition("\0")
    return escape(before), escape(after)


def file_size(count: int) -> str:
    """Return a number of bytes as text: "512 bytes", "3.2 MiB"."""
    if count < 2**10:
        return ngettext("%(num)s byte", "%(num)s bytes", count)
    if count < 2**20:
        return _("%(amount)s KiB", amount=language.decimal(count / 2**10))
    if count < 2**30:
        return _("%(amount)s MiB", amount=language.decimal(count / 2**20))
    return _("%(amount)s GiB", amount=language.decimal(count / 2**30))


class Tag(NamedTuple):
    """A state in a word or two; `kind` (`ok`, `warn`, `bad`, `off`) sets its color and shape."""

    kind: str
    word: str

    def translated(self) -> "Tag":
        """Return the tag with its word in the current language."""
        return self._replace(word=_(self.word))


CONNECTED = Tag("ok", N_("Connected"))
RETRIED = Tag("warn", N_("Connected, retrying"))
DISCONNECTED = Tag("off", N_("Disconnected"))
FOR_PEOPLE = {
    "fresh": CONNECTED,
    "due": CONNECTED,
    "refreshing": CONNECTED,
    "failing": RETRIED,
    "expired": Tag("warn", N_("Access expired")),
    "reconnect": Tag("bad", N_("Reconnect needed")),
    "revoking": DISCONNECTED,
    "revoked": DISCONNECTED,
}

#: By `State`, the five states of the operators' list.
STATES = {
    "healthy": Tag("ok", N_("Healthy")),
    "soon": Tag("warn", N_("Expires soon")),
    "failing": Tag("warn", N_("Refresh failing")),
    "reconnect": Tag("bad", N_("Reconnect needed")),
    "revoked": Tag("off", N_("Disconnected")),
}
#: In place of "Expires soon", once it has.
EXPIRED = Tag("warn", N_("Expired, refresh due"))
#: The same, if no service has used it for so long that it is only kept alive.
EXPIRED_UNUSED = Tag("off", N_("Expired, not in use"))
#: Longer than a refresh takes: a later time is that of a connection which is not in use.
_REFRESHING_FOR = timedelta(minutes=2)


def health_tag(health: str) -> Tag:
    """Return the tag that a person sees for the health of their connection.

    Raises KeyError if `health` is unknown.
    """
    return FOR_PEOPLE[health].translated()


def is_connected(health: str) -> bool:
    """Return True if a person with this health is shown as connected."""
    return FOR_PEOPLE[health] in (CONNECTED, RETRIED)


class Expiring(Protocol):
    """The times of a connection that say if its access has expired, and if that is right."""

    access_expires_at: datetime | None
    next_at: datetime | None


def state_tag(state: str, row: Expiring | None = None, now: datetime | None = None) -> Tag:
    """Return the tag of a `State` in the operators' list. Raises KeyError if it is unknown.

    With a connection and the time, one whose access has expired has a tag of its own.
    """
    if state != "soon" or row is None or now is None:
        return STATES[state].translated()
    if row.access_expires_at is not None and row.access_expires_at > now:
        return STATES[state].translated()
    unused = row.next_at is not None and row.next_at > now + _REFRESHING_FOR
    return (EXPIRED_UNUSED if unused else EXPIRED).translated()


def in_words(items: Sequence[str]) -> str:
    """Return a list as text: "a", "a and b", "a, b and c"."""
    return language.listed([str(item) for item in items])


def quoted(text: str) -> str:
    """Return `text` between quotation marks."""
    return _("“%(text)s”", text=text)


def sentence(text: str) -> str:
    """Return `text` as a sentence in the current language, capitalized and with a period."""
    text = language.spoken(text)
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def answer_time(bound: int | None) -> str:
    """Return a class of answer times by its upper bound in ms; None is the open class."""
    return _("more than 5,000 ms") if bound is None else _("≤ %(bound)s ms", bound=bound)


def display_name(raw: str | None) -> str:
    """Return a name that is safe to show: one short line without control or bidi characters.

    A name without visible characters becomes "TikTok account".
    """
    name = people.clean_name(raw) or ""
    if not any(unicodedata.category(char)[0] in "LNPS" for char in name):
        return _(NAMELESS)
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"


def initials(raw: str | None) -> str:
    """Return one or two uppercase initials for the ticket; "?" for a name without letters."""
    letters = [next((c for c in word if c.isalnum()), "") for word in display_name(raw).split()]
    found = [letter.upper()[:1] for letter in letters if letter]
    return "".join(found[:1] + found[1:][-1:]) or "?"


def browser_name(browser: str | None, system: str | None) -> str:
    """Return the name of a browser for its user: "Firefox on Linux", "Unknown browser"."""
    if browser and system:
        return _("%(browser)s on %(system)s", browser=browser, system=system)
    if system:
        return _("Unknown browser on %(system)s", system=system)
    return browser or _("Unknown browser")


def _remember_addresses(app: Flask) -> None:
    """Let the templates' `url_for` build an address without values, or of a static file, once."""
    built: dict[tuple[str, ...], str] = {}

    def url_for(endpoint: str, **values: Any) -> str:
        # A proxy may say in a request that the site is below a path of its host.
        if (values and endpoint != "static") or request.script_root:
            return app.url_for(endpoint, **values)
        key = (endpoint, *values.values())
        if key not in built:
            built[key] = app.url_for(endpoint, **values)
        return built[key]

    app.jinja_env.globals["url_for"] = url_for


def register(app: Flask, clock: Clock = utc_now) -> None:
    """Give the templates these functions as filters; `relative` uses `clock`."""
    app.jinja_env.filters.update(
        answer_time=answer_time,
        browser_name=browser_name,
        day=language.day,
        display_name=display_name,
        duration=duration,
        ending=ending,
        exact=exact,
        health_word=health_tag,
        in_words=in_words,
        initials=initials,
        is_closed=is_closed,
        number=language.number,
        iso=iso,
        quoted=quoted,
        sentence=sentence,
        state_word=state_tag,
        size=file_size,
        decimal=language.decimal,
        relative=lambda moment: relative(moment, clock()),
        when=lambda moment, by_day: when(moment, clock(), by_day=by_day),
    )
    _remember_addresses(app)
