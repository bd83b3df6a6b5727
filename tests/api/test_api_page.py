"""docs/api.md names what the API has: routes, codes, reasons, warnings, notifications, metrics."""

import json
import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.fixtures.app import MakeApp
from tests.processes import ROOT
from webapp.services.notifications.outbox import EVENTS

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def document(client: FlaskClient) -> Any:
    return client.get("/api/v1/openapi.json").get_json()


def problems(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return code → example body for every problem of the API."""
    responses = document["components"]["responses"].values()
    return {
        code: example["value"]
        for response in responses
        for code, example in response["content"]
        .get("application/problem+json", {})
        .get("examples", {})
        .items()
    }


def words(document: dict[str, Any], schema: str) -> set[str]:
    """Return the values that a schema allows."""
    return {each["const"] for each in document["components"]["schemas"][schema]["oneOf"]}


def test_every_error_is_listed_with_its_status_and_whether_to_retry(
    document: dict[str, Any],
) -> None:
    rows = set(re.findall(r"^\| (\d{3}) \| `(\w+)` \| (yes|no) \|", PAGE, re.MULTILINE))
    assert rows == {
        (str(value["status"]), code, "yes" if value["retryable"] else "no")
        for code, value in problems(document).items()
    }


def test_every_route_reason_and_warning_is_listed(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        assert all(f"`{method.upper()} {path}`" in PAGE for method in methods), path
    for word in words(document, "Reason") | words(document, "Warning"):
        assert f"| `{word}` |" in PAGE, word


def test_the_example_error_is_one_of_the_api(document: dict[str, Any]) -> None:
    examples = [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    error = next(each for each in examples if "code" in each)
    ours = problems(document)[error["code"]]
    assert error.keys() == ours.keys()
    assert (error["status"], error["retryable"]) == (ours["status"], ours["retryable"])
    token = next(each for each in examples if "access_token" in each)
    assert token.keys() == set(document["components"]["schemas"]["Token"]["required"])


def test_every_route_of_the_page_exists(app: Flask) -> None:
    known = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule)) for rule in app.url_map.iter_rules()}
    table = PAGE.partition("\n## ")[0]
    named = re.findall(r"`(?:GET|POST) (/[^`]*)`", table)
    assert len(named) == 8
    assert set(named) <= known


def test_every_notification_is_listed() -> None:
    assert set(re.findall(r"^\| `((?:connection|fleet)\.\w+)` \|", PAGE, re.MULTILINE)) == EVENTS


def test_every_metric_is_listed_with_its_type(make_app: MakeApp) -> None:
    client = make_app(METRICS_TOKEN=TOKEN).test_client()
    client.get("/healthz")
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    found = dict(re.findall(r"^# TYPE (\w+) (\w+)$", answer.text, re.MULTILINE))
    # The client library adds when a counter began.
    shown = {name: kind for name, kind in found.items() if not name.endswith("_created")}
    rows = re.findall(r"^\| `(coatcheck_\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    exposed = {"counter": "_total", "info": "_info"}
    listed = {
        name + exposed.get(kind, ""): "gauge" if kind == "info" else kind for name, kind in rows
    }
    assert listed == shown
