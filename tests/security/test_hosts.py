"""The app answers to its own names alone, and no header talks it into another."""

from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.environment import CALLBACK
from tests.fixtures.app import MakeApp
from tests.walk import begin

OTHERS = {
    "X-Forwarded-Host": "evil.example",
    "X-Host": "evil.example",
    "X-Forwarded-Server": "evil.example",
    "Forwarded": "host=evil.example",
    "X-Original-URL": "http://evil.example/",
}


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000"])
@pytest.mark.parametrize("path", ["/", "/connect", CALLBACK, "/healthz", "/static/style.css"])
def test_another_host_is_refused(client: FlaskClient, host: str, path: str) -> None:
    answer = client.get(path, base_url=f"http://{host}")
    assert answer.status_code == 400
    assert "evil" not in answer.text


def test_further_hosts_are_let_in_by_name(make_app: MakeApp) -> None:
    client = make_app(TRUSTED_HOSTS="inside.example,.all.example").test_client()
    for host in ("inside.example", "a.all.example", "all.example"):
        assert client.get("/connect", base_url=f"http://{host}").status_code == 200, host
    for host in ("x.inside.example", "evilall.example"):
        assert client.get("/connect", base_url=f"http://{host}").status_code == 400, host


@pytest.mark.rule(7)
def test_the_redirect_uri_does_not_follow_the_host(make_app: MakeApp) -> None:
    app = make_app(TRUSTED_HOSTS="inside.example")
    sent = begin(app.test_client())
    client = app.test_client()
    type(client).origin, before = "http://inside.example", type(client).origin
    try:
        from_inside = begin(client)
    finally:
        type(client).origin = before
    assert uri_of(from_inside) == uri_of(sent)
    assert "inside.example" not in from_inside


@pytest.mark.rule(7)
def test_no_header_stands_for_the_host(client: FlaskClient) -> None:
    client.environ_base |= {f"HTTP_{n.upper().replace('-', '_')}": v for n, v in OTHERS.items()}
    location = begin(client)
    assert "evil" not in location
    for path in ("/", "/account", "/connect", "/nothing"):
        answer = client.get(path)
        assert "evil" not in answer.text
        assert "evil" not in answer.headers.get("Location", "")


def uri_of(location: str) -> str:
    """Return the redirect URI that is sent along."""
    return parse_qs(urlsplit(location).query)["redirect_uri"][0]
