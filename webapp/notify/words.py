"""What came of a notice, in words that are kept in English and shown in every language."""

import re

from webapp.later import Text
from webapp.later import gettext as _

CERTIFICATE = _("certificate not trusted")
LOST = _("connection lost")
NONE = _("no connection")
NO_HTTP = _("answer that is no HTTP")
_WORDS: dict[str, Text] = {word: word for word in (CERTIFICATE, LOST, NONE, NO_HTTP)}
_SILENT = re.compile(r"no answer within ([0-9.e+-]+) s")


def silent(seconds: float) -> Text:
    """Return that no answer came within this time."""
    return _("no answer within %(seconds)s s", seconds=f"{seconds:g}")


def recalled(kept: str | None) -> str | None:
    """Return what was kept as it can be shown: a status or an error's name as it is."""
    found = _SILENT.fullmatch(kept or "")
    if found:
        return silent(float(found[1]))
    return _WORDS.get(kept, kept) if kept else None
