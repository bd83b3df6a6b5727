"""Catalogues, plurals and numbers: said in the language that is spoken, and nothing left open."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from webapp import language
from webapp.language import gettext, ngettext

PO = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\n"
"Language: de\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

msgid "Ask for %(what)s"
msgstr "Um %(what)s bitten"

msgid "%(num)s page"
msgid_plural "%(num)s pages"
msgstr[0] "%(num)s Seite"
msgstr[1] "%(num)s Seiten"

#, fuzzy
msgid "Maybe"
msgstr "Vielleicht"
"""


@pytest.fixture
def german(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let there be German alone, and speak it."""
    path = tmp_path / "de" / "LC_MESSAGES" / "messages.po"
    path.parent.mkdir(parents=True)
    path.write_text(PO, encoding="utf-8")
    monkeypatch.setattr(language, "FOLDER", tmp_path)
    language.language.cache_clear()
    language.use("de")
    yield
    language.use(language.SOURCE)
    language.language.cache_clear()


def test_without_anybody_choosing_it_is_english() -> None:
    assert language.current().code == "en"
    assert gettext("Ask for %(what)s", what=1204) == "Ask for 1,204"
    assert ngettext("%(num)s page", "%(num)s pages", 1) == "1 page"
    assert ngettext("%(num)s page", "%(num)s pages", 1204) == "1,204 pages"
    assert language.listed(["a", "b", "c"]) == "a, b and c"


@pytest.mark.usefixtures("german")
def test_a_catalogue_is_read_as_it_is() -> None:
    assert language.available() == ("en", "de")
    assert gettext("Ask for %(what)s", what="x") == "Um x bitten"
    assert ngettext("%(num)s page", "%(num)s pages", 1204) == "1.204 Seiten"
    assert language.day(date(2026, 11, 3)) == "3. November 2026"
    assert language.listed(["a", "b", "c"]) == "a, b und c"
    assert language.current().name == "Deutsch"


@pytest.mark.usefixtures("german")
def test_what_is_missing_or_unsure_stays_english() -> None:
    assert gettext("Nobody wrote this") == "Nobody wrote this"
    assert gettext("Maybe") == "Maybe"
    assert gettext("") == ""


def test_a_percent_sign_is_written_twice() -> None:
    assert gettext("100 %%") == "100 %"
    with pytest.raises(KeyError):
        gettext("%(gone)s")


def test_a_language_without_a_catalogue_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        language.language("fr")
