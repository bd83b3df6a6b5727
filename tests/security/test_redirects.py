"""No parameter, path or header moves a redirect to another site."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.forms import forms
from tests.security.callers import CALLERS, Caller, caller, routes
from tests.servers import Sandbox

EVIL = ("https://evil.example/", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil:x")
NAMES = (
    *("next", "url", "return", "return_to", "returnTo", "redirect", "redirect_uri", "redirect_url"),
    *(
        "continue",
        "dest",
        "target",
        "goto",
        "back",
        "r",
        "u",
        "kind",
        "add",
        "state",
        "iss",
        "host",
    ),
)
PATHS = (
    *("//evil.example", "//evil.example/", "///evil.example/connect", "/\\evil.example"),
    *("/%5cevil.example", "/%2fevil.example", "/%2f%2fevil.example/%2e%2e", "/;@evil.example"),
    *("//evil.example/static/..", "/connect/..//evil.example", "/static//evil.example"),
)


def stays(location: str | None, app: Flask, tiktok: str) -> bool:
    """Tell whether a redirect leads nowhere else than to a path of ours, or to TikTok."""
    ours = app.extensions["coatcheck"].settings.public_origin
    if location is None or location.startswith((f"{tiktok}/v2/auth/authorize/?", f"{ours}/")):
        return True
    return location.startswith("/") and not location.startswith(("//", "/\\"))


@pytest.mark.parametrize("kind", CALLERS)
@pytest.mark.parametrize("evil", EVIL)
def test_no_parameter_leads_away(app: Flask, sandbox: Sandbox, kind: Caller, evil: str) -> None:
    client = caller(app, sandbox, kind)
    sent = dict.fromkeys(NAMES, evil)
    for method, _endpoint, path in routes(app):
        if method != "GET" or path.startswith("/static"):
            continue
        answer = client.get(path, query_string=sent, headers={"Referer": evil})
        assert stays(answer.headers.get("Location"), app, sandbox.url), path
        assert "Refresh" not in answer.headers
        if answer.mimetype == "text/html":
            assert "evil" not in answer.text, path


@pytest.mark.parametrize("evil", EVIL)
def test_no_form_leads_away(app: Flask, sandbox: Sandbox, evil: str) -> None:
    for path, page in (("/connect", "/connect"), ("/sign-out", "/account")):
        client = caller(app, sandbox, "person")
        form = next(f for f in forms(client.get(page).text) if f.action == path)
        sent = form.data(**dict.fromkeys(NAMES, evil))
        answer = client.post(path, data=sent, query_string=dict.fromkeys(NAMES, evil))
        assert answer.status_code in (302, 303)
        assert stays(answer.headers["Location"], app, sandbox.url)
        assert "evil" not in answer.headers["Location"]


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_away(client: FlaskClient, sandbox: Sandbox, path: str) -> None:
    # As gunicorn hands it on: the raw path, not what a client library makes of it.
    answer = client.get("/", environ_overrides={"PATH_INFO": path, "RAW_URI": path})
    assert answer.status_code in (303, 308, 404)
    location = answer.headers.get("Location")
    assert stays(location, client.application, sandbox.url), location
