"""Turns moments and lengths of time into words for pages; asks no clock."""

from datetime import datetime

from webapp import language
from webapp.language import gettext as _
from webapp.language import ngettext

UNITS = (("year", 365 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))


def relative(moment: datetime, now: datetime) -> str:
    """Return how far away an aware `moment` is, in whole units: "3 hours ago", "in 5 days"."""
    seconds = (moment - now).total_seconds()
    for unit, size in UNITS:
        if abs(seconds) >= size:
            amount = int(abs(seconds) // size)
            return _ahead(unit, amount) if seconds > 0 else _ago(unit, amount)
    return _("in a moment") if seconds > 0 else _("just now")


def _ago(unit: str, amount: int) -> str:
    match unit:
        case "year":
            return ngettext("%(num)s year ago", "%(num)s years ago", amount)
        case "day":
            return ngettext("%(num)s day ago", "%(num)s days ago", amount)
        case "hour":
            return ngettext("%(num)s hour ago", "%(num)s hours ago", amount)
    return ngettext("%(num)s minute ago", "%(num)s minutes ago", amount)


def _ahead(unit: str, amount: int) -> str:
    match unit:
        case "year":
            return ngettext("in %(num)s year", "in %(num)s years", amount)
        case "day":
            return ngettext("in %(num)s day", "in %(num)s days", amount)
        case "hour":
            return ngettext("in %(num)s hour", "in %(num)s hours", amount)
    return ngettext("in %(num)s minute", "in %(num)s minutes", amount)


def duration(seconds: float) -> str:
    """Return how long something takes, in whole units: "3 minutes", "12 seconds"."""
    for unit, size in (*UNITS, ("second", 1)):
        if seconds >= size:
            return language.span(int(seconds // size), unit)
    return _("less than a second")


def exact(moment: datetime) -> str:
    """Return an aware UTC `moment` for reading: "22 November 2026, 14:06 UTC"."""
    return _("%(day)s, %(time)s", day=day(moment), time=clock_time(moment))


def day(moment: datetime) -> str:
    """Return the date of an aware UTC `moment`: "22 November 2026"."""
    return language.day(moment)


def clock_time(moment: datetime) -> str:
    """Return the time of day of an aware UTC `moment`: "14:06 UTC"."""
    return f"{moment:%H:%M} UTC"


def iso(moment: datetime) -> str:
    """Return an aware UTC `moment` for machines (RFC 3339, whole seconds)."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
