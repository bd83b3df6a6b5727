"""Every language says everything that English says, with the same gaps; no message is made up."""

import re
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from tests.processes import ROOT
from webapp import language

METHODS = [("webapp/**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"trimmed": "true", "silent": "false"}}
KEYWORDS = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
GAP = re.compile(r"%\((\w+)\)s|%%")
LANGUAGES = [code for code in language.available() if code != language.SOURCE]
AGAIN = (
    "run: pybabel extract -F pyproject.toml -k _ -k N_ --no-location -o messages.pot . && "
    "pybabel update -i messages.pot -d webapp/translations --no-fuzzy-matching, then translate"
)


@cache
def said() -> frozenset[str | tuple[str, ...]]:
    """Return every message of the code and the templates; plurals as pairs."""
    found = extract_from_dir(ROOT, METHODS, OPTIONS, KEYWORDS, directory_filter=_ours)
    return frozenset(message for _file, _line, message, _comments, _context in found)


def _ours(folder: str) -> bool:
    return Path(folder).name in {"webapp", "templates"} or bool(
        {"webapp", "templates"} & set(Path(folder).relative_to(ROOT).parts)
    )


@cache
def catalogue(code: str) -> Catalog:
    """Return what stands in the catalogue of a language."""
    text = (language.FOLDER / code / "LC_MESSAGES" / "messages.po").read_bytes()
    return read_po(BytesIO(text), locale=code.replace("-", "_"))


def messages(code: str) -> list[Message]:
    """Return the messages of a language, without the header."""
    return [message for message in catalogue(code) if message.id]


def forms(message: Message) -> list[str]:
    """Return every form of a translation."""
    return [message.string] if isinstance(message.string, str) else list(message.string)


def gaps(text: str) -> set[str]:
    """Return the names of the gaps in a message."""
    return set(GAP.findall(text)) - {""}


def test_there_is_english_and_one_more() -> None:
    assert len(said()) > 300
    assert "de" in LANGUAGES


@pytest.mark.parametrize("code", LANGUAGES)
def test_nothing_is_left_untranslated_and_nothing_is_left_over(code: str) -> None:
    there = {message.id for message in messages(code)}
    assert not said() - there, AGAIN
    assert not there - said(), AGAIN
    empty = [message.id for message in messages(code) if not all(forms(message))]
    assert not empty
    assert not [message.id for message in messages(code) if message.fuzzy]


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_translation_has_the_gaps_of_its_message(code: str) -> None:
    wrong = []
    for message in messages(code):
        source = [message.id] if isinstance(message.id, str) else list(message.id)
        wanted = set().union(*map(gaps, source))
        for form in forms(message):
            # "one day" may do without its number.
            if (
                gaps(form) - wanted
                or wanted - gaps(form) - {"num", "count"}
                or len(GAP.sub("", form).split("%")) > 1
            ):
                wrong.append((message.id, form))
    assert not wrong


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_translation_has_the_markup_of_its_message(code: str) -> None:
    tag = re.compile(r"</?\w+|href=\"[^\"]*\"")
    wrong = []
    for message in messages(code):
        source = message.id if isinstance(message.id, str) else message.id[-1]
        wrong += [
            (source, form)
            for form in forms(message)
            if sorted(tag.findall(form)) != sorted(tag.findall(source))
        ]
    assert not wrong


def test_a_template_translates_only_what_it_spells_out() -> None:
    call = re.compile(r"\b_\((?!\")|\bn?gettext\((?!\")")
    found = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "templates").rglob("*.html")
        if call.search(path.read_text(encoding="utf-8"))
    }
    assert not found, "a name in place of a text is found by no extraction"
