"""The contract of the API is what it does: routes, codes, examples, words; nothing more or less."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.walk import BrowserLikeClient
from webapp.models import Reason
from webapp.views.http import api_contract

ORIGIN = "https://tickets.example"
MEDIA = ("application/json", "application/problem+json")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return api_contract.document(ORIGIN)


def check(document: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Hold a value against a schema of the document. Raises ValidationError."""
    registry = Registry().with_resource("urn:api", Resource(document, DRAFT202012))
    if "$ref" in schema:
        schema = {"$ref": "urn:api" + schema["$ref"]}
    schema = {**schema, "$id": "urn:api-part"} if "$ref" not in schema else schema
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(schema, registry=registry, format_checker=checker).validate(value)


def parts(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in the document."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from parts(each)


def test_every_route_is_described_and_every_description_is_a_route(
    app: Flask, document: dict[str, Any]
) -> None:
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(api_contract.API)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, calls in document["paths"].items() for method in calls}
    assert routes == described


def test_a_call_without_a_key_is_described_where_it_is_public(
    app: Flask, document: dict[str, Any]
) -> None:
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            adapter = app.url_map.bind("x")
            endpoint, _ = adapter.match(path.replace("{open_id}", "x"), method=method.upper())
            access = app.view_functions[endpoint].access  # type: ignore[attr-defined]  # the mark
            assert (call.get("security") == []) == (access == "public")


def test_every_example_is_as_its_schema_says(document: dict[str, Any]) -> None:
    checked = 0
    for part in parts(document):
        if "schema" not in part:
            continue
        examples = [each["value"] for each in part.get("examples", {}).values()]
        for example in [*examples, *([part["example"]] if "example" in part else [])]:
            check(document, part["schema"], example)
            checked += 1
    assert checked >= 20


def test_every_body_has_an_example(document: dict[str, Any]) -> None:
    for part in parts(document):
        for media in MEDIA:
            if isinstance(part.get(media), dict):
                assert part[media].keys() & {"example", "examples"}


def test_every_problem_links_to_the_row_that_explains_it(
    client: BrowserLikeClient, document: dict[str, Any]
) -> None:
    page = client.get("/api/docs").text
    kinds = api_contract.kinds(ORIGIN)
    assert len(kinds) >= 11
    for code, kind in kinds.items():
        assert kind.example["code"] == code
        assert kind.example["status"] == kind.status
        assert kind.example["type"] == f"{ORIGIN}/api/docs#{code}"
        assert kind.meaning
        assert kind.do
        assert f'<tr id="{code}">' in page


def test_every_problem_that_is_answered_is_in_the_contract() -> None:
    said = set(api_contract._BY_STATUS.values()) | {"our_fault", "bad_request"}
    assert said <= api_contract.kinds(ORIGIN).keys()


def test_every_reason_has_its_words() -> None:
    assert api_contract.descriptions("Reason").keys() == {
        *(each.value for each in Reason),
        "disconnected",
    }


def test_the_document_names_this_installation(client: BrowserLikeClient, app: Flask) -> None:
    origin = app.extensions["coatcheck"].settings.public_origin
    answer = client.get("/api/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    assert answer.json["servers"] == [{"url": origin}]
    assert "coatcheck.example" not in answer.text


def test_a_real_answer_is_as_the_contract_says(
    service: Any, mara: str, document: dict[str, Any]
) -> None:
    check(document, {"$ref": "#/components/schemas/Token"}, service.get(mara).json)
    for answer in (service.get("-x"), service.get(mara, "scope=a"), service.get(mara, "min_ttl=x")):
        check(document, {"$ref": "#/components/schemas/Problem"}, answer.get_json(force=True))


def test_an_example_that_is_wrong_is_seen(document: dict[str, Any]) -> None:
    for wrong in ({"version": 1}, {"warnings": ["unheard_of"]}):
        good = document["components"]["responses"]["Token"]["content"]["application/json"]
        value = {**good["example"], **wrong}
        if "version" in wrong:
            del value["open_id"]
        with pytest.raises(ValidationError):
            check(document, good["schema"], value)
