"""The plain page of a fault of ours: it comes when everything else breaks."""

import logging

import pytest
import structlog
from flask import Flask, abort
from werkzeug.exceptions import HTTPException

from tests.views.bare_app import stage
from tests.views.reading import JARGON, Reading, long_sentences
from webapp.views.http import errors

JSON = {"Accept": "application/json"}


@pytest.fixture
def app() -> Flask:
    return stage()


def _break() -> str:
    raise RuntimeError("made-up secret")


def test_our_fault_is_a_plain_page_with_the_reference(
    app: Flask, silent: list[structlog.types.EventDict]
) -> None:
    app.add_url_rule("/break", view_func=_break)
    answer = app.test_client().get("/break?code=made-up")
    page = Reading(answer.text)
    assert answer.status_code == 500
    assert answer.headers["Cache-Control"] == "no-store"
    assert page.the("h1") == "Sorry, something went wrong on our side"
    assert page.the("title") == "Sorry, something went wrong on our side · Coatcheck"
    assert [a.attrs["href"] for a in page.primary] == ["/"]
    assert "Privacy" in page.text
    assert "Not affiliated with TikTok." in page.text
    assert not JARGON.findall(page.text)
    assert not long_sentences(page)
    assert "made-up" not in answer.text
    (line,) = silent
    assert line["path"] == "/break"
    assert "code=" not in str(line)


def test_our_fault_says_so_in_test_mode_too(
    app: Flask, silent: list[structlog.types.EventDict]
) -> None:
    app.add_url_rule("/break", view_func=_break)
    assert errors.TEST_MODE not in app.test_client().get("/break").text
    app.jinja_env.globals["sandbox"] = True
    assert errors.TEST_MODE in app.test_client().get("/break").text


def test_the_plain_page_keeps_theme_and_language(
    app: Flask, silent: list[structlog.types.EventDict]
) -> None:
    app.add_url_rule("/break", view_func=_break)
    browser = app.test_client()
    (html,) = Reading(browser.get("/break").text).all("html")
    assert html.attrs == {"lang": "en", "dir": "ltr", "data-theme": ""}
    browser.set_cookie("theme", "dark")
    (html,) = Reading(browser.get("/break").text).all("html")
    assert html.attrs["data-theme"] == "dark"


def test_the_plain_page_needs_neither_catalogue_nor_cookies(
    app: Flask, silent: list[structlog.types.EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object) -> str:
        raise FileNotFoundError

    for name in ("gettext", "current"):
        monkeypatch.setattr(errors.language, name, broken)
    monkeypatch.setattr(errors, "_", broken)
    monkeypatch.setattr(errors, "_", broken)
    monkeypatch.setattr(errors.language_and_theme, "chosen_theme", broken)
    app.after_request_funcs.clear()
    app.add_url_rule("/break", view_func=_break)
    answer = app.test_client().get("/break")
    page = Reading(answer.text)
    assert answer.status_code == 500
    assert page.the("h1") == "Sorry, something went wrong on our side"
    assert page.all("html")[0].attrs["lang"] == "en"
    assert "Not affiliated with TikTok." in page.text


def test_our_fault_is_told_to_programs_too(
    app: Flask, silent: list[structlog.types.EventDict]
) -> None:
    app.add_url_rule("/break", view_func=_break)
    answer = app.test_client().get("/break", headers=JSON)
    assert answer.status_code == 500
    assert answer.get_json()["code"] == "our_fault"


def test_our_fault_has_a_page_even_when_the_page_of_another_error_breaks(app: Flask) -> None:
    app.context_processor(_break_dict)
    logging.getLogger(app.name).setLevel(logging.CRITICAL)
    answer = app.test_client().get("/nowhere")
    assert answer.status_code == 500
    assert Reading(answer.text).the("h1") == "Sorry, something went wrong on our side"


def _break_dict() -> dict[str, object]:
    raise RuntimeError("the database is gone")


def test_our_fault_has_a_page_even_when_the_log_is_full(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(errors.structlog, "get_logger", full)
    app.add_url_rule("/break", view_func=_break)
    assert app.test_client().get("/break").status_code == 500


def test_a_view_that_gives_up_with_a_503_keeps_it(app: Flask) -> None:
    app.add_url_rule("/busy", view_func=lambda: abort(503))
    answer = app.test_client().get("/busy")
    assert answer.status_code == 503
    assert Reading(answer.text).the("h1") == "Sorry, something went wrong on our side"


def test_an_error_without_a_status_is_our_fault(app: Flask) -> None:
    class Bare(HTTPException):
        code = 599

    def bare() -> str:
        raise Bare

    app.add_url_rule("/bare", view_func=bare)
    assert app.test_client().get("/bare").status_code == 599
