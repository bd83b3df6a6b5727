"""The app answers to its own names alone, and no header talks it into another."""

import socket
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder, run_wsgi_app

from tests.environment import CALLBACK
from tests.fixtures.app import MakeApp
from tests.fixtures.served import Serve
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


@pytest.mark.parametrize(
    "host",
    [
        "CONNECT.Example",
        "connect.example.",
        "Connect.Example.:443",
        "WWW.example",
        "A.all.example.",
    ],
)
def test_capitals_and_a_dot_at_the_end_are_the_same_host(make_app: MakeApp, host: str) -> None:
    app = make_app(
        TIKTOK_REDIRECT_URI=f"https://Connect.example.{CALLBACK}",
        TRUSTED_HOSTS="Www.Example,.All.example",
    )
    client = app.test_client()
    for path in ("/connect", "/healthz"):
        assert client.get(path, base_url=f"https://{host}").status_code == 200
    answer = client.get("/account", base_url=f"https://{host}")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("host", [".", "connect.example..", "..", "connect.example.:x", ":8000"])
def test_other_dots_are_no_host_of_ours(make_app: MakeApp, host: str) -> None:
    client = make_app(TIKTOK_REDIRECT_URI=f"https://connect.example{CALLBACK}").test_client()
    assert client.get("/connect", headers={"Host": host}).status_code == 400


#: How a server says where it listens: on an address, on a socket, not at all.
LISTENING = ({"SERVER_NAME": "127.0.0.1"}, {"SERVER_NAME": "/run/app.sock", "SERVER_PORT": ""})


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
@pytest.mark.parametrize("listening", LISTENING, ids=["address", "socket"])
@pytest.mark.parametrize(
    "path", ["/", "/connect", CALLBACK, "/healthz", "/static/style.css", "/nothing", "/account"]
)
def test_without_a_host_a_request_gets_a_page_that_says_so(
    app: Flask, version: str, listening: dict[str, str], path: str
) -> None:
    environ = EnvironBuilder(path).get_environ()
    del environ["HTTP_HOST"]
    for host in ({}, {"HTTP_HOST": ""}, {"HTTP_HOST": " "}):
        asked = environ | listening | {"SERVER_PROTOCOL": version} | host
        body, status, headers = run_wsgi_app(app, asked)
        assert status == "400 BAD REQUEST"
        assert headers["Cache-Control"] == "no-store"
        assert b"This site has a different address" in b"".join(body)


@pytest.mark.long
def test_a_real_server_answers_a_request_without_a_host(serve: Serve) -> None:
    server = serve()
    port = int(server.url.rpartition(":")[2])
    for request in ("GET /connect HTTP/1.0\r\n\r\n", "GET /nothing HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request.encode())
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").read().decode()
        assert answer.split(" ")[1] == "400"
        assert "This site has a different address" in answer
    assert "unhandled_exception" not in server.log()


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
