"""Lays out bars for the macro that draws them: positions and words; reads no table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from webapp import language
from webapp.language import N_
from webapp.language import gettext as _
from webapp.services.records.figures import Bar
from webapp.views.http.times import day, exact

#: The drawing's inner measures; CSS stretches it to the page.
WIDTH, HEIGHT = 360, 100


@dataclass(frozen=True, slots=True)
class Column:
    """One place on the chart: two bars side by side, or one."""

    label: str
    #: Written below the bars; only under some, so that they do not run into each other.
    tick: str
    x: float
    width: float
    good: int
    failed: int
    good_height: float
    failed_height: float


@dataclass(frozen=True, slots=True)
class Chart:
    """All that the macro needs of one chart."""

    name: str
    title: str
    #: What one column stands for: Hour, Day, Week.
    unit: str
    good_word: str
    #: Empty: there is one kind of bar only.
    failed_word: str
    columns: tuple[Column, ...]
    most: int
    #: None: not counted yet.
    total: int | None

    @property
    def total_failed(self) -> int:
        """Return the sum of the second kind."""
        return sum(column.failed for column in self.columns)


_Words = Callable[[datetime], str]
_HOUR: tuple[str, _Words, _Words] = (N_("Hour from"), exact, lambda at: f"{at:%H:%M}")
_DAY: tuple[str, _Words, _Words] = (N_("Day"), day, lambda at: language.short_day(at))
_WEEK: tuple[str, _Words, _Words] = (N_("Week from"), day, lambda at: language.short_day(at))
#: Name → title, what a column stands for, words of the two kinds, every how many one is marked.
_KINDS = {
    "hours": (N_("Refreshes, last 24 hours"), _HOUR, N_("Refreshed"), N_("Failed"), 6),
    "days": (N_("Refreshes, last 30 days"), _DAY, N_("Refreshed"), N_("Failed"), 7),
    "expiries": (N_("Accesses that end, next 24 hours"), _HOUR, N_("Accesses that end"), "", 6),
    "reconnects": (N_("Reconnects ahead, next 12 weeks"), _WEEK, N_("People to reconnect"), "", 3),
}


def chart(name: str, bars: Sequence[Bar] | None) -> Chart:
    """Return a chart of these bars; None: they are not counted yet.

    Raises KeyError if there is no chart of this name.
    """
    title, (unit, long, short), good, failed, every = _KINDS[name]
    found = bars or ()
    most = max((max(bar.refreshed, bar.failed) for bar in found), default=0)
    slot = WIDTH / max(len(found), 1)
    columns = tuple(
        Column(
            label=long(bar.start),
            tick=short(bar.start) if number % every == 0 else "",
            x=round(number * slot, 1),
            width=round(slot * (0.4 if failed else 0.8), 1),
            good=bar.refreshed,
            failed=bar.failed,
            good_height=_height(bar.refreshed, most),
            failed_height=_height(bar.failed, most),
        )
        for number, bar in enumerate(found)
    )
    total = None if bars is None else sum(bar.refreshed + bar.failed for bar in found)
    return Chart(name, _(title), _(unit), _(good), _(failed), columns, most, total)


def _height(count: int, most: int) -> float:
    """Return how high a bar is; one that is there at all can be seen."""
    return max(1.5, round(HEIGHT * count / most, 1)) if count else 0
