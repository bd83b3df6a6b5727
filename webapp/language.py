"""Which language is spoken now, and everything said in it; knows no page and no request.

The English text is its own key (gettext). Catalogues are `translations/<code>/LC_MESSAGES/
messages.po`, read as they are, so there is no compiled copy that could be out of date.


Texts that are made in one place and shown in several: each reader gets their own language.

To commands, logs and JSON such a text is the English it was written in; a page translates it when
it prints it. So what is kept, logged or shared between requests is never in a visitor's language.
"""

import gettext as catalogues
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import cast

from babel import Locale, dates, lists, numbers, units
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from markupsafe import escape

#: Tests point it at catalogues of their own.
FOLDER = Path(__file__).parent / "translations"
#: What the texts in the code are written in; commands speak it, since nobody calls `use` there.
SOURCE = "en"
#: Days before months and no Oxford comma, as the texts are written.
_LOCALES = {SOURCE: "en_GB"}


@dataclass(frozen=True, slots=True)
class Language:
    """One language: its code (BCP 47), its name in itself, and how it writes."""

    code: str
    name: str
    #: "ltr" or "rtl".
    direction: str
    locale: Locale
    catalogue: catalogues.NullTranslations


def available() -> tuple[str, ...]:
    """Return the code of every language that is there, English first."""
    found = FOLDER.glob("*/LC_MESSAGES/messages.po")
    return (SOURCE, *sorted(path.parent.parent.name for path in found))


@lru_cache(maxsize=16)
def language(code: str) -> Language:
    """Return a language by its code. Raises FileNotFoundError if it has no catalogue."""
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


_current: ContextVar[str] = ContextVar("language", default=SOURCE)


def use(code: str) -> None:
    """Speak this language from now on, in this thread or task."""
    _current.set(code)


def current() -> Language:
    """Return the language that is spoken now."""
    return language(_current.get())


def N_(message: str) -> str:  # noqa: N802  # the name that gettext's tools look for
    """Mark a constant for translation; `gettext` translates it where it is shown."""
    return message


def translated(message: str) -> str:
    """Return a message in the current language, with its gaps still open."""
    return current().catalogue.gettext(message) if message else ""


def translated_plural(one: str, many: str, num: int) -> str:
    """Return the form of a message that goes with `num`, with its gaps still open."""
    return current().catalogue.ngettext(one, many, num)


def gettext(message: str, /, **values: object) -> str:
    """Return a message in the current language, its %(gaps)s filled; whole numbers are grouped.

    A percent sign is written twice. Raises KeyError if a gap gets no value.
    """
    return translated(message) % filled(values)


def ngettext(one: str, many: str, num: int, /, **values: object) -> str:
    """Return the form of a message that goes with `num`, which fills %(num)s."""
    return translated_plural(one, many, num) % filled({"num": num, **values})


def filled(values: dict[str, object]) -> dict[str, object]:
    """Return what fills the gaps of a message: whole numbers as the language groups them."""
    return {name: _filling(value) for name, value in values.items()}


def _filling(value: object) -> object:
    if type(value) is int:
        return number(value)
    return spoken(value) if isinstance(value, str) else value


class Spoken(str):
    """A text that can say itself in the current language (`webapp.language`)."""

    def spoken(self) -> str:
        """Return the text as it is said now: as it is written, unless a kind of it knows better."""
        return str(self)


def spoken(text: str) -> str:
    """Return a text in the current language if it can say itself, else as it is."""
    return text.spoken() if isinstance(text, Spoken) else text


def number(value: float) -> str:
    """Return a number: "1,204", "0.5"."""
    return _number(value, _current.get())


@lru_cache(maxsize=4096)
def _number(value: float, code: str) -> str:
    return str(numbers.format_decimal(value, locale=language(code).locale))


def decimal(value: float) -> str:
    """Return a number to one place: "7.5"."""
    return str(numbers.format_decimal(value, format="#,##0.0", locale=current().locale))


def day(value: date) -> str:
    """Return a date: "22 November 2026"."""
    return _day(value.toordinal(), _current.get())


@lru_cache(maxsize=4096)
def _day(ordinal: int, code: str) -> str:
    return dates.format_date(date.fromordinal(ordinal), "long", locale=language(code).locale)


def short_day(value: date) -> str:
    """Return a date without its year, as short as can be: "22 Nov"."""
    return dates.format_skeleton("MMMd", value, locale=current().locale)


def listed(items: list[str]) -> str:
    """Return a list as it is said: "a, b and c"."""
    return lists.format_list(items, locale=current().locale)


def span(amount: int, unit: str) -> str:
    """Return a length of time: "3 minutes"; units are CLDR's: second, minute, hour, day, year."""
    return str(units.format_unit(amount, f"duration-{unit}", locale=current().locale))


__all__ = ["Text", "gettext", "ngettext"]


class Text(Spoken):
    """An English text that knows its message and what fills the gaps."""

    message: str
    #: The message of many, where a number chooses between two.
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
        """Return the text for a page; templates ask for it by this name."""
        return str(escape(self.spoken()))


def deferred_gettext(message: str, /, **values: object) -> Text:
    """Return a message with its gaps filled; what fills them may be such a text itself."""
    return _deferred(message, message, None, values)


def deferred_ngettext(one: str, many: str, num: int, /, **values: object) -> Text:
    """Return the form of a message that goes with `num`, which fills %(num)s."""
    return _deferred(one if num == 1 else many, one, many, {"num": num, **values})


def _deferred(english: str, message: str, many: str | None, values: dict[str, object]) -> Text:
    text = Text(english % {name: _in_english(value) for name, value in values.items()})
    text.message, text.many, text.values = message, many, values
    return text


def _in_english(value: object) -> object:
    if type(value) is int:
        return numbers.format_decimal(value, locale=language(SOURCE).locale)
    return value
