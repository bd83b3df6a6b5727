"""What all requests share is made once per process, not for each of them."""

import inspect
import os
from itertools import chain

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.views.connections import runtime_of


def test_a_page_that_was_shown_before_lists_no_folder(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get("/terms").status_code == 200
    listed: list[str] = []

    def scandir(path: str = ".") -> object:
        listed.append(str(path))
        raise FileNotFoundError(path)

    monkeypatch.setattr(os, "scandir", scandir)
    answer = client.get("/terms")
    assert answer.status_code == 200
    assert "Deutsch" in answer.text
    assert listed == []


def test_an_address_is_built_for_each_place_of_the_site(app: Flask) -> None:
    url_for = app.jinja_env.globals["url_for"]
    assert callable(url_for)
    origin = runtime_of(app).settings.public_origin
    for below in ("", "/below", "", "/below"):
        with app.test_request_context("/", origin, environ_overrides={"SCRIPT_NAME": below}):
            assert url_for("home.terms") == f"{below}/terms"
            assert url_for("home.index", _anchor="how") == f"{below}/#how"
            assert url_for("connection.show", open_id="-0/1") == f"{below}/operators/tokens/-0/1"
            style = url_for("static", filename="style.css")
            assert style.startswith(f"{below}/static/style.css?v=")
            assert url_for("static", filename="js/app.js").startswith(
                f"{below}/static/js/app.js?v="
            )


def test_no_view_and_no_hook_is_async_which_the_app_takes_for_granted(app: Flask) -> None:
    hooks = (app.before_request_funcs, app.after_request_funcs, app.teardown_request_funcs)
    found = [
        *app.view_functions.values(),
        *chain.from_iterable(each for kind in hooks for each in kind.values()),
        *chain.from_iterable(each.values() for each in app.error_handler_spec[None].values()),
    ]
    assert len(found) > 60
    assert not [each for each in found if inspect.iscoroutinefunction(each)]


def test_all_templates_share_the_globals_and_see_later_ones(app: Flask) -> None:
    template = app.jinja_env.get_template("components/mark.html")
    assert template.globals is app.jinja_env.globals
    assert app.jinja_env.from_string("{{ mine }}", {"mine": 1}).render() == "1"
    assert "mine" not in app.jinja_env.globals
