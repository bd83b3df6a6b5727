"""The current language: translated texts, numbers, dates and lists.

The English text is the key of its translation (gettext). Catalogs are `translations/<code>/
LC_MESSAGES/messages.po`, read directly, so no compiled copy can be out of date.

Texts that are made in one place and shown in several come from `deferred_gettext`. They are
English in commands, logs and JSON, and pages translate them when they print them, so nothing that
is stored, logged or shared between requests is in a visitor's language.
"""

import gettext as catalogues
import math
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Literal, cast

from babel import Locale, dates, lists, numbers, units
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import Markup, escape

#: Tests replace it with a folder of their own.
FOLDER = Path(__file__).parent / "translations"
#: The language of the texts in the code. Commands use it, since they never call `use`.
SOURCE = "en"
#: Day before month and no Oxford comma, as in our texts.
_LOCALES = {SOURCE: "en_GB"}
#: Units of a distance in time.
Unit = Literal["year", "day", "hour", "minute"]
_current: ContextVar[str] = ContextVar("language", default=SOURCE)


@dataclass(frozen=True, slots=True)
class Language:
    """A language: its code (BCP 47), its own name for itself, and its conventions."""

    code: str
    name: str
    #: "ltr" or "rtl".
    direction: str
    locale: Locale
    catalogue: catalogues.NullTranslations
    #: Message → text, of those that templates show without values, so they are looked up once.
    constants: dict[str, Markup] = field(default_factory=dict, compare=False, repr=False)


def available() -> tuple[str, ...]:
    """Return the code of every language that has a catalog, English first."""
    return _available(FOLDER)


@lru_cache(maxsize=4)
def _available(folder: Path) -> tuple[str, ...]:
    """Read the folder once per process: every request asks for its languages."""
    found = folder.glob("*/LC_MESSAGES/messages.po")
    return (SOURCE, *sorted(path.parent.parent.name for path in found))


@lru_cache(maxsize=16)
def language(code: str) -> Language:
    """Return a language by its code. Raises FileNotFoundError if it has no catalog."""
    locale = Locale.parse(_LOCALES.get(code, code), sep="-" if "-" in code else "_")
    return Language(
        code=code,
        name=(Locale.parse(code, sep="-").get_display_name() or code).title(),
        direction="rtl" if locale.text_direction == "rtl" else "ltr",
        locale=locale,
        catalogue=_catalogue(code),
    )


def _catalogue(code: str) -> catalogues.NullTranslations:
    if code == SOURCE:
        return catalogues.NullTranslations()
    compiled = BytesIO()
    with (FOLDER / code / "LC_MESSAGES" / "messages.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=code.replace("-", "_")))
    compiled.seek(0)
    return catalogues.GNUTranslations(compiled)


def use(code: str) -> None:
    """Set the current language of this thread or task."""
    _current.set(code)


def current() -> Language:
    """Return the current language."""
    return language(_current.get())


def N_(message: str) -> str:  # noqa: N802  # the name that gettext's tools look for
    """Mark a constant for translation; `gettext` translates it where it is shown."""
    return message


def translated(message: str) -> str:
    """Return a message in the current language, with its placeholders."""
    return current().catalogue.gettext(message) if message else ""


def translated_plural(one: str, many: str, num: int) -> str:
    """Return the plural form of a message for `num`, with its placeholders."""
    return current().catalogue.ngettext(one, many, num)


def gettext(message: str, /, **values: object) -> str:
    """Return a message in the current language with its %(placeholders)s filled in.

    Whole numbers are grouped. A percent sign is written twice. Raises KeyError if a placeholder
    has no value.
    """
    text = translated(message)
    # Most texts have neither placeholders nor a percent sign.
    return text % filled(values) if values or "%" in text else text


def ngettext(one: str, many: str, num: int, /, **values: object) -> str:
    """Return the plural form of a message for `num`, which fills %(num)s."""
    return translated_plural(one, many, num) % filled({"num": num, **values})


def filled(values: dict[str, object]) -> dict[str, object]:
    """Return values for placeholders: numbers grouped, deferred texts translated."""
    return {name: _filled(value) for name, value in values.items()}


def _filled(value: object) -> object:
    if type(value) is int:
        return number(value)
    return spoken(value) if isinstance(value, str) else value


class Text(str):
    """An English text that knows its message and values, so it can be translated later."""

    message: str
    #: The plural form of the message, if it has one.
    many: str | None
    values: dict[str, object]

    def spoken(self) -> str:
        """Return the text in the current language."""
        if self.many is None:
            return gettext(self.message, **self.values)
        values = dict(self.values)
        num = cast(int, values.pop("num"))
        return ngettext(self.message, self.many, num, **values)

    def __html__(self) -> str:
        """Return the text for a page; templates call this."""
        return str(escape(self.spoken()))


def deferred_gettext(message: str, /, **values: object) -> Text:
    """Return a message to be translated when it is shown; values may be such texts themselves."""
    return _deferred(message, message, None, values)


def deferred_ngettext(one: str, many: str, num: int, /, **values: object) -> Text:
    """Return the plural form of a message for `num`, to be translated when it is shown."""
    return _deferred(one if num == 1 else many, one, many, {"num": num, **values})


def _deferred(english: str, message: str, many: str | None, values: dict[str, object]) -> Text:
    text = Text(english % {name: _in_english(value) for name, value in values.items()})
    text.message, text.many, text.values = message, many, values
    return text


def _in_english(value: object) -> object:
    if type(value) is int:
        return numbers.format_decimal(value, locale=language(SOURCE).locale)
    return value


def spoken(text: str) -> str:
    """Return a deferred text in the current language, any other text unchanged."""
    return text.spoken() if isinstance(text, Text) else text


def number(value: float) -> str:
    """Return a number: "1,204", "0.5"."""
    return _number(value, _current.get())


@lru_cache(maxsize=4096)
def _number(value: float, code: str) -> str:
    return str(numbers.format_decimal(value, locale=language(code).locale))


def decimal(value: float) -> str:
    """Return a number with one decimal place: "7.5"."""
    return str(numbers.format_decimal(value, format="#,##0.0", locale=current().locale))


def day(value: date) -> str:
    """Return a date: "22 November 2026"."""
    return _day(value.toordinal(), _current.get())


@lru_cache(maxsize=4096)
def _day(ordinal: int, code: str) -> str:
    return dates.format_date(date.fromordinal(ordinal), "long", locale=language(code).locale)


def medium_day(value: date) -> str:
    """Return a date with a short month: "22 Nov 2026"."""
    return _medium_day(value.toordinal(), _current.get())


@lru_cache(maxsize=4096)
def _medium_day(ordinal: int, code: str) -> str:
    return dates.format_date(date.fromordinal(ordinal), "medium", locale=language(code).locale)


def short_day(value: date) -> str:
    """Return a short date without its year: "22 Nov"."""
    return dates.format_skeleton("MMMd", value, locale=current().locale)


def listed(items: list[str]) -> str:
    """Return a list as text: "a, b and c"."""
    return lists.format_list(items, locale=current().locale)


def span(amount: int, unit: str) -> str:
    """Return a duration: "3 minutes"; CLDR's units: second, minute, hour, day, year."""
    return str(units.format_unit(amount, f"duration-{unit}", locale=current().locale))


def distance(seconds: int, unit: Unit) -> str:
    """Return a time ahead, or behind if negative, in this unit: "in 3 minutes", "1 day ago"."""
    return _distance(seconds, unit, _current.get())


@lru_cache(maxsize=4096)
def _distance(seconds: int, unit: Unit, code: str) -> str:
    # Without a threshold, Babel uses this unit, and not weeks for days.
    return dates.format_timedelta(
        seconds,
        granularity=unit,
        threshold=math.inf,
        add_direction=True,
        locale=language(code).locale,
    )
