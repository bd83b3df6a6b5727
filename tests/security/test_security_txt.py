"""security.txt (RFC 9116): there if a contact is set, for anyone, and never out of date."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from tests.fixtures.app import MakeApp
from tests.movable import MovableClock

PATH = "/.well-known/security.txt"
#: A line of the file: a name, a colon, one space and a value.
FIELD = re.compile(r"([A-Z][A-Za-z-]+): ([!-~]+)")


def fields(app: Flask, path: str = PATH) -> dict[str, str]:
    """Return the fields of the file; each must be there once."""
    answer = app.test_client().get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text.endswith("\n")
    found = [FIELD.fullmatch(line) for line in answer.text.splitlines()]
    assert all(found), answer.text
    pairs = [each.groups() for each in found if each]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_without_a_contact_there_is_none(app: Flask) -> None:
    assert app.test_client().get(PATH).status_code == 404


@pytest.mark.parametrize(
    ("given", "contact"),
    [
        ("security@site.example", "mailto:security@site.example"),
        ("mailto:security@site.example", "mailto:security@site.example"),
        ("https://site.example/report?for=us", "https://site.example/report?for=us"),
    ],
)
def test_it_says_whom_to_write_to(make_app: MakeApp, given: str, contact: str) -> None:
    app = make_app(
        SECURITY_CONTACT=given,
        TIKTOK_REDIRECT_URI="https://connect.example/api/auth/tiktok/callback",
        TRUSTED_HOSTS="localhost",
    )
    found = fields(app)
    assert found.keys() == {"Contact", "Expires", "Preferred-Languages", "Canonical"}
    assert found["Contact"] == contact
    assert found["Preferred-Languages"] == "en"
    assert found["Canonical"] == f"https://connect.example{PATH}"


def test_it_is_valid_for_months_and_never_for_a_year(
    make_app: MakeApp, clock: MovableClock
) -> None:
    app = make_app(SECURITY_CONTACT="security@site.example")
    seen = set()
    for _ in range(4):
        expires = datetime.fromisoformat(fields(app)["Expires"])
        assert expires.tzinfo == UTC
        assert timedelta(days=150) < expires - clock() < timedelta(days=365)
        seen.add(expires)
        clock.advance(timedelta(days=100))
    assert len(seen) == 4


def test_it_is_the_same_all_day_so_that_caches_agree(
    make_app: MakeApp, clock: MovableClock
) -> None:
    app = make_app(SECURITY_CONTACT="security@site.example")
    clock.advance(timedelta(days=1) - timedelta(seconds=clock().timestamp() % 86400))
    morning = fields(app)
    clock.advance(timedelta(hours=23))
    assert fields(app) == morning


def test_a_head_request_and_a_signed_out_stranger_get_it_and_nothing_can_be_posted(
    make_app: MakeApp,
) -> None:
    client = make_app(SECURITY_CONTACT="security@site.example").test_client()
    assert client.head(PATH).status_code == 200
    assert "Set-Cookie" not in client.get(PATH).headers
    assert client.post(PATH).status_code in (400, 405)
