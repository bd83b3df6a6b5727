"""Every word of every page goes through gettext: in a language nobody speaks, none stays English."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from flask import Flask

from tests.looks.pseudo import CODES, catalogues, spoken
from tests.looks.staging import error_page
from tests.looks.words import Plain
from tests.views.scenes import SCENES
from webapp.views.errors import CAUSES

LANGUAGE = CODES[0]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ModuleType, Flask]]:
    """The scenes and their app, in the language that nobody speaks."""
    folder = tmp_path_factory.mktemp("catalogues")
    catalogues(folder)
    with spoken(LANGUAGE, folder) as scenes:
        yield scenes, scenes.stage()


@pytest.mark.parametrize("name", SCENES)
def test_no_page_keeps_an_english_word(played: tuple[ModuleType, Flask], name: str) -> None:
    scenes, app = played
    scene = scenes.SCENES[name]
    left = Plain(scenes.play(app, scene), LANGUAGE).found
    assert not left, f"{scene.template}: {left}"


@pytest.mark.parametrize("code", CAUSES)
def test_no_page_of_a_cause_keeps_an_english_word(
    played: tuple[ModuleType, Flask], code: str
) -> None:
    _scenes, app = played
    left = Plain(error_page(app, code), LANGUAGE).found
    assert not left, f"errors/error.html: {left}"
