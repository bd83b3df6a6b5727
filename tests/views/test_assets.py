"""A static file is kept for good under the address that names its content, else for an hour."""

import re

from flask.testing import FlaskClient

FOR_GOOD = "public, max-age=31536000, immutable"
AN_HOUR = "public, max-age=3600"


def test_pages_name_the_content_of_what_they_load(client: FlaskClient) -> None:
    loaded = re.findall(r'(?:href|src)="(/static/[^"]+)"', client.get("/terms").text)
    assert len(loaded) == 3
    for address in loaded:
        answer = client.get(address, buffered=True)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == FOR_GOOD


def test_any_other_address_of_it_is_asked_for_again(client: FlaskClient) -> None:
    for address in ("/static/style.css", "/static/style.css?v=00000000"):
        answer = client.get(address, buffered=True)
        assert answer.headers["Cache-Control"] == AN_HOUR


def test_what_is_not_there_is_not_kept(client: FlaskClient) -> None:
    answer = client.get("/static/nothing.css?v=1")
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"


def test_pages_and_styles_are_compressed_and_what_services_get_is_not(client: FlaskClient) -> None:
    wants = {"Accept-Encoding": "gzip"}
    for path in ("/terms", "/static/style.css", "/static/js/app.js"):
        answer = client.get(path, headers=wants, buffered=True)
        assert answer.headers["Content-Encoding"] == "gzip"
        assert int(answer.headers.get("Content-Length", 0)) < len(
            client.get(path, buffered=True).data
        )
    answer = client.get("/api/v1/openapi.json", headers=wants)
    assert "Content-Encoding" not in answer.headers
