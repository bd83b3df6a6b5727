"""Schemathesis makes up calls from the contract, right and wrong ones; no answer may surprise."""

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS

from tests.api.asking import Service
from webapp.views.http import api_contract

#: What may be called, and whether anything can be wrong with the call.
CALLS = [
    (f"{method.upper()} {path}", mode)
    for path, calls in api_contract.document("https://tickets.example")["paths"].items()
    for method, call in calls.items()
    for mode in GenerationMode
    if "parameters" in call or mode is GenerationMode.POSITIVE
]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("examples", [4, pytest.param(200, marks=pytest.mark.long)])
@pytest.mark.parametrize(("call", "mode"), CALLS)
def test_every_answer_is_in_the_contract(
    app: Flask, service: Service, mara: str, call: str, mode: GenerationMode, examples: int
) -> None:
    origin = app.extensions["coatcheck"].settings.public_origin
    contract = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app, base_url=origin)
    operation = contract.find_operation_by_label(call)
    assert operation is not None
    key = {"Authorization": f"Bearer {service.key}"}

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        # How slow or rare its data are says nothing of the app.
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def hold(case: Case) -> None:
        case.call_and_validate(base_url=origin, headers=key)
        if mode is GenerationMode.POSITIVE and case.path_parameters:
            # Nobody makes up an open_id that is there.
            case.path_parameters["open_id"] = mara
            case.call_and_validate(base_url=origin, headers=key)

    hold()


def test_its_checks_are_all_there() -> None:
    assert {"not_a_server_error", "response_schema_conformance", "status_code_conformance"} <= set(
        CHECKS.get_all_names()
    )
