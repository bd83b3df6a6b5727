"""The gallery of docs/screens shows every page and every error."""

from tests.looks.gallery import FOLDER, LOOKS, file_of
from tests.looks.pictured import ERRORS, GROUPS, OPERATORS, PEOPLE, html
from tests.looks.places import NO_PAGES
from tests.security.test_access import TABLE
from webapp.views.http.errors import CAUSES


def test_every_page_is_pictured() -> None:
    pages = {endpoint for method, endpoint in TABLE if method == "GET"} - NO_PAGES
    pictured = {picture.endpoint for picture in (*PEOPLE, *OPERATORS)}
    assert pages <= pictured, "say in tests/looks/pictured.py how the new page looks"
    assert pictured <= {endpoint for _method, endpoint in TABLE}


def test_every_error_is_pictured() -> None:
    assert [picture.name for picture in ERRORS] == [f"error-{code}" for code in CAUSES]


def test_the_folder_holds_these_pictures_and_no_other() -> None:
    named = {picture.name for pictures in GROUPS.values() for picture in pictures}
    wanted = {file_of(name, theme, width) for name in named for theme, width in LOOKS}
    assert {path.name for path in FOLDER.iterdir()} == wanted | {"README.md"}


def test_what_is_pictured_can_be_shown_and_holds_no_key() -> None:
    for name, page in html():
        assert "<h1" in page, name
        assert "cck_made-up" not in page, name
