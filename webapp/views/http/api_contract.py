"""The API's contract, openapi.json, and problem responses made from its examples.

Problems use the texts of the document's examples, so the contract and the responses can't differ.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response, current_app, g, request
from werkzeug.exceptions import HTTPException

from webapp.views.http.runtime import runtime

#: Prefix of every path of the API.
API = "/api/v1/"
DOCS = "/api/docs"
_FILE = Path(__file__).with_name("openapi.json")
#: Placeholder in the file for the public origin of the installation.
_ORIGIN = "https://coatcheck.example"
#: Placeholder in the file for a connected person.
_EXAMPLE_OPEN_ID = "-000Kx9vQ2mJ7c1"
#: Needs no quoting in a shell command or a Python string.
_PLAIN = re.compile(r"[A-Za-z0-9._-]+")
_JSON = ("application/json", "application/problem+json")
#: Seconds; no Retry-After is longer.
LONGEST_WAIT = 3600
_BY_STATUS = {
    404: "not_found",
    405: "wrong_method",
    408: "too_slow",
    413: "too_large",
    414: "too_long",
    429: "rate_limited",
}


@dataclass(frozen=True)
class Kind:
    """One problem code of the document."""

    code: str
    status: int
    meaning: str
    do: str
    example: dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """One example response of the API page."""

    status: str
    code: str
    text: str


@dataclass(frozen=True)
class Call:
    """One operation of the API page."""

    method: str
    path: str
    title: str
    purpose: str
    parameters: list[dict[str, Any]]
    samples: list[dict[str, str]]
    answers: list[Answer]


@cache
def document(origin: str) -> dict[str, Any]:
    """Return the document of an installation at `origin`; the result is cached, don't change it."""
    text = _FILE.read_text(encoding="utf-8").replace(_ORIGIN, origin)
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def kinds(origin: str) -> dict[str, Kind]:
    """Return code → kind of problem, sorted by status."""
    found = [
        Kind(
            code=code,
            status=example["value"]["status"],
            meaning=example.get("x-meaning", response["description"]),
            do=example.get("x-do", response.get("x-do", "")),
            example=example["value"],
        )
        for response in document(origin)["components"]["responses"].values()
        for code, example in _examples(response).items()
        if code
    ]
    return {kind.code: kind for kind in sorted(found, key=lambda kind: kind.status)}


@cache
def descriptions(schema: str) -> dict[str, str]:
    """Return value → description of a schema that lists its values with `oneOf`."""
    values = document(_ORIGIN)["components"]["schemas"][schema]["oneOf"]
    return {each["const"]: each["description"] for each in values}


def calls(origin: str, open_id: str = "") -> list[Call]:
    """Return the operations for the API page; the code samples use `open_id`."""
    whole = document(origin)
    sample_id = open_id if _PLAIN.fullmatch(open_id) else _EXAMPLE_OPEN_ID
    return [
        Call(
            method=method.upper(),
            path=path,
            title=operation["summary"],
            purpose=operation["description"],
            parameters=[_resolved(whole, each) for each in operation.get("parameters", [])],
            samples=[
                {**each, "source": each["source"].replace(_EXAMPLE_OPEN_ID, sample_id)}
                for each in operation["x-codeSamples"]
            ],
            answers=_answers(whole, operation["responses"]),
        )
        for path, operations in whole["paths"].items()
        for method, operation in operations.items()
    ]


def _answers(whole: dict[str, Any], responses: dict[str, Any]) -> list[Answer]:
    return [
        Answer(status, code, json.dumps(example["value"], indent=2, ensure_ascii=False))
        for status, response in responses.items()
        for code, example in _examples(_resolved(whole, response)).items()
    ]


def _examples(response: dict[str, Any]) -> dict[str, Any]:
    """Return code → example; the code of a success is an empty string."""
    for kind in _JSON:
        content = response.get("content", {}).get(kind)
        if content:
            return dict(content.get("examples") or {"": {"value": content["example"]}})
    return {}


def _resolved(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found = whole
    for name in part["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def problem(
    code: str, *, detail: str = "", retry_after: float | None = None, **more: Any
) -> Response:
    """Return the problem response of this code; `retry_after` is in seconds.

    `more` are further members (RFC 9457 §3.2). Raises KeyError if the code is unknown.
    """
    origin = runtime().settings.public_origin
    kind = kinds(origin)[code]
    members = problem_members(origin, code, str(g.get("request_id", "-")))
    members |= {"detail": detail or kind.example["detail"], **more}
    response = Response(status=kind.status, mimetype="application/problem+json")
    if retry_after is not None:
        members["retry_after"] = min(max(int(retry_after + 0.999), 1), LONGEST_WAIT)
        response.headers["Retry-After"] = str(members["retry_after"])
    if kind.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Authorization"
    response.set_data(json.dumps(members))
    return response


def problem_members(origin: str, code: str, reference: str) -> dict[str, Any]:
    """Return the members of a problem response. Raises KeyError if the code is unknown."""
    kind = kinds(origin)[code]
    return {
        "type": kind.example["type"],
        "title": kind.example["title"],
        "status": kind.status,
        "detail": kind.example["detail"],
        "code": code,
        "retryable": kind.example["retryable"],
        "reference": reference,
    }


def is_api() -> bool:
    """Return True if this request is for the API: below /api/, except for two pages for people."""
    if request.path.startswith(API):
        return True
    pages = (DOCS, current_app.jinja_env.globals["callback_path"])
    return request.path.startswith("/api/") and request.path not in pages


def problem_of(error: HTTPException) -> Response:
    """Return the problem response for an HTTP error that no view explained."""
    response = problem(code_of(error.code or 500))
    for name, value in error.get_headers(request.environ):
        if name == "Allow":
            response.headers[name] = value
    return response


def code_of(status: int) -> str:
    """Return the problem code for an HTTP status that no view explained."""
    return "our_fault" if status >= 500 else _BY_STATUS.get(status, "bad_request")
