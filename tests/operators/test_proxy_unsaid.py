"""A proxy that PROXY_HOPS does not count: said at the start, by doctor and on the setup page."""

import os

import pytest
from flask import Flask
from structlog.testing import capture_logs

from tests.environment import CALLBACK
from tests.fixtures.app import MakeApp
from tests.services.holding import runtime_of
from webapp.services.maintenance import doctor
from webapp.services.maintenance.check import Check
from webapp.settings import warnings

HTTPS = {"TIKTOK_REDIRECT_URI": f"https://app.example{CALLBACK}"}


def found(app: Flask, name: str) -> list[Check]:
    runtime = runtime_of(app)
    with app.app_context():
        return [c for c in doctor.checks(os.environ, runtime, []) if c.name == name]


@pytest.mark.parametrize(("hops", "said"), [("0", 1), ("1", 0)])
def test_https_without_a_counted_proxy_is_a_warning(
    make_app: MakeApp, hops: str, said: int
) -> None:
    settings = runtime_of(make_app(**HTTPS, PROXY_HOPS=hops)).settings
    about = [each for each in warnings(settings, {}) if each.name == "PROXY_HOPS"]
    assert len(about) == said
    assert all("PROXY_HOPS=1" in str(each.fix) for each in about)


def test_http_on_this_machine_is_none(make_app: MakeApp) -> None:
    settings = runtime_of(make_app(PROXY_HOPS="0")).settings
    assert [each for each in warnings(settings, {}) if each.name == "PROXY_HOPS"] == []


def test_a_request_that_proves_it_is_logged_once_and_shown_by_doctor(make_app: MakeApp) -> None:
    app = make_app(PROXY_HOPS="0")
    assert found(app, "proxy") == []
    client = app.test_client()
    with capture_logs() as logs:
        for _ in range(3):
            client.get("/", headers={"X-Forwarded-For": "192.0.2.7"})
    assert [each["event"] for each in logs].count("proxy_not_counted") == 1
    assert "192.0.2.7" not in str(logs)
    (check,) = found(app, "proxy")
    assert check.verdict == "warn"
    assert "PROXY_HOPS is 0" in str(check.cause)


def test_a_header_from_elsewhere_proves_nothing(make_app: MakeApp) -> None:
    """Anyone can send one where the app itself is reached from outside."""
    app = make_app(PROXY_HOPS="0")
    client = app.test_client()
    headers = {"X-Forwarded-For": "192.0.2.7"}
    client.get("/", headers=headers, environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert found(app, "proxy") == []
