"""Texts that are made in one place and shown in several: each reader gets their own language.

To commands, logs and JSON such a text is the English it was written in; a page translates it when
it prints it. So what is kept, logged or shared between requests is never in a visitor's language.
"""

from typing import cast

from babel import numbers
from markupsafe import escape

from webapp import language
from webapp.language import SOURCE, Spoken

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
            return language.gettext(self.message, **self.values)
        values = dict(self.values)
        num = cast(int, values.pop("num"))
        return language.ngettext(self.message, self.many, num, **values)

    def __html__(self) -> str:
        """Return the text for a page; templates ask for it by this name."""
        return str(escape(self.spoken()))


def gettext(message: str, /, **values: object) -> Text:
    """Return a message with its gaps filled; what fills them may be such a text itself."""
    return _text(message, message, None, values)


def ngettext(one: str, many: str, num: int, /, **values: object) -> Text:
    """Return the form of a message that goes with `num`, which fills %(num)s."""
    return _text(one if num == 1 else many, one, many, {"num": num, **values})


def _text(english: str, message: str, many: str | None, values: dict[str, object]) -> Text:
    text = Text(english % {name: _in_english(value) for name, value in values.items()})
    text.message, text.many, text.values = message, many, values
    return text


def _in_english(value: object) -> object:
    if type(value) is int:
        return numbers.format_decimal(value, locale=language.language(SOURCE).locale)
    return value
