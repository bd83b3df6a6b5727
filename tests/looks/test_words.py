"""Every word of every page goes through gettext: in a language nobody speaks none is English."""

import ast
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
from flask import Flask

from tests.looks.pseudo import CODES, catalogues, spoken, strange
from tests.looks.staging import error_page
from tests.looks.words import Plain
from tests.processes import ROOT
from tests.views.scenes import SCENES
from webapp.views.http.errors import CAUSES

LANGUAGE = CODES[0]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModuleType, Flask]]:
    """The scenes and their app, in the language that nobody speaks."""
    folder = tmp_path_factory.mktemp("catalogues")
    catalogues(folder)
    with spoken(LANGUAGE, folder) as scenes:
        yield scenes, import_module("tests.views.bare_app").stage()


@pytest.mark.parametrize("name", SCENES)
def test_no_page_keeps_an_english_word(played: tuple[ModuleType, Flask], name: str) -> None:
    scenes, app = played
    scene = scenes.SCENES[name]
    page = scenes.play(app, scene)
    assert f'<html lang="{LANGUAGE}"' in page
    left = Plain(page, LANGUAGE).found
    assert not left, f"{scene.template}: {left}"


@pytest.mark.parametrize("code", CAUSES)
def test_no_page_of_a_cause_keeps_an_english_word(
    played: tuple[ModuleType, Flask], code: str
) -> None:
    _scenes, app = played
    page = error_page(app, code)
    assert f'<html lang="{LANGUAGE}"' in page
    left = Plain(page, LANGUAGE).found
    assert not left, f"errors/error.html: {left}"


def test_no_flash_says_what_no_catalogue_has() -> None:
    plain = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sorted((ROOT / "webapp" / "views").rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "flash"
        # Words that are written here must go through `_`; names and calls have been there.
        if isinstance(call.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)
    ]
    assert not plain


def test_the_reading_finds_words_and_forgives_names_and_code() -> None:
    found = Plain(
        '<html lang="el"><p title="Left over">[!! Ñöţĥîñĝ !!]</p><code>flask doctor</code>'
        '<p lang="en">The contract</p><p dir="auto">Jane</p><p>connection.revoked, Coatcheck</p>'
        "<input placeholder='Name'><p>Stays</p></html>",
        "el",
    )
    assert found.found == ["Left over", "Name", "Stays"]


def test_a_strange_message_keeps_its_gaps_and_tags() -> None:
    said = strange("Hello <strong>%(name)s</strong>, 50%% of it")
    assert "<strong>%(name)s</strong>" in said
    assert "50%%" in said
    assert len(said) >= 1.4 * len("Hello , 50 of it")
    assert "Ĥéļļö" in said
