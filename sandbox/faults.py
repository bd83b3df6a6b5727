"""Faults that tests add: which kinds there are, which calls they affect, and how."""

import gzip
import json
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from flask import Response, request

from sandbox import http_server
from sandbox.responses import error_payload, json_response

ENDPOINTS = ("token", "revoke", "user_info", "video_list", "authorize")
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")

# The options of each kind with their defaults; a value must have the type of its default.
KINDS: dict[str, Mapping[str, object]] = {
    "http500": {"status": 500},
    "html": {"status": 200},
    "error200": {"error": "server_error", "description": "", "status": 200, "error_type": ""},
    "empty": {"status": 200},
    "empty_object": {"status": 200},
    "truncated": {"cut": False},
    "big": {"bytes": 10_000_000, "chunked": False},
    "gzip": {"bytes": 10_000_000},
    "slow": {"interval": 1.0},
    "dribble_headers": {"interval": 1.0},
    "timeout": {"seconds": 60.0},
    "drop": {"reset": False},
    "redirect": {"status": 307, "location": "/control/trap"},
    "throttle": {"status": 429, "retry_after": 1},
    "bad_utf8": {},
    "answer": {"answer": {}},
    "raw": {"body": "", "status": 200, "content_type": "application/json"},
}
# These change the true response, so the work (and the token rotation) is always done.
NEED_THE_WORK = frozenset(
    {"truncated", "big", "gzip", "slow", "dribble_headers", "bad_utf8", "answer"},
)
# At authorize these two change the redirect to the app; the others affect the page itself.
ON_REDIRECT = frozenset({"answer", "error200"})
DELETE = "$delete"
DESCRIPTION = "Simulated fault."
HTML = f"<!doctype html><title>Mock TikTok</title><h1>502 Bad Gateway</h1><p>{DESCRIPTION}"


@dataclass(slots=True)
class Fault:
    """A fault to apply: `times` left (None: no limit), `rate` of calls it hits (0 to 1).

    `after`: do the work of the call first. `grant_type` limits it to one kind of token call.
    """

    endpoint: str
    kind: str
    times: int | None = None
    rate: float | None = None
    grant_type: str | None = None
    after: bool = False
    options: dict[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Return the fault with the `times` it has left."""
        return {
            "endpoint": self.endpoint,
            "kind": self.kind,
            "times": self.times,
            "rate": self.rate,
            "grant_type": self.grant_type,
            "after": self.after,
            **self.options,
        }


def parse(body: Mapping[str, object]) -> Fault:
    """Return the fault that the JSON of `POST /control/faults` describes.

    Raises ValueError, with a message for the caller, if anything is unknown or invalid.
    """
    endpoint, kind = str(body.get("endpoint")), str(body.get("kind"))
    _one_of("endpoint", endpoint, ENDPOINTS)
    _one_of("kind", kind, KINDS)
    times, rate, grant_type = body.get("times"), body.get("rate"), body.get("grant_type")
    if times is not None and (type(times) is not int or times < 1):
        raise ValueError("times must be an integer of at least 1")
    if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float)):
        raise ValueError("rate must be a number from 0 to 1")
    if isinstance(rate, int | float) and not 0 <= rate <= 1:
        raise ValueError("rate must be a number from 0 to 1")
    if grant_type is not None:
        _one_of("grant_type", str(grant_type), GRANT_TYPES)
        if endpoint != "token":
            raise ValueError("grant_type can be used with the endpoint token only")
    after = body.get("after", kind in NEED_THE_WORK)
    if not isinstance(after, bool) or (kind in NEED_THE_WORK and not after):
        raise ValueError(f"after must be true or false, and is always true for {kind!r}")
    return Fault(
        endpoint,
        kind,
        times if isinstance(times, int) else None,
        float(rate) if isinstance(rate, int | float) else None,
        None if grant_type is None else str(grant_type),
        after,
        _options(kind, body),
    )


class Faults:
    """The active faults, applied in the order they were added."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._faults: list[Fault] = []
        self._random = random.Random()  # noqa: S311  # a share of calls, no secret

    def add(self, fault: Fault) -> None:
        """Add a fault after the active ones."""
        with self._lock:
            self._faults.append(fault)

    def active(self) -> list[dict[str, object]]:
        """List the faults that are not used up."""
        with self._lock:
            return [fault.as_json() for fault in self._faults]

    def clear(self) -> None:
        """Remove every fault."""
        with self._lock:
            self._faults.clear()

    def take(
        self, endpoint: str, grant_type: str | None = None, *, redirecting: bool = False
    ) -> Fault | None:
        """Return the fault that this call gets, if any, and use up one of its `times`.

        `redirecting`: at authorize, the call is about to redirect to the app.
        """
        with self._lock:
            for fault in self._faults:
                if fault.endpoint != endpoint or fault.grant_type not in (None, grant_type):
                    continue
                if endpoint == "authorize" and redirecting is not (fault.kind in ON_REDIRECT):
                    continue
                if fault.rate is not None and self._random.random() >= fault.rate:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if not fault.times:
                        self._faults.remove(fault)
                return fault
            return None


def _one_of(name: str, value: str, known: object) -> None:
    names = list(known)  # type: ignore[call-overload]  # tuples and dicts of words
    if value not in names:
        raise ValueError(f"unknown {name} {value!r}; known: {', '.join(names)}")


def _options(kind: str, body: Mapping[str, object]) -> dict[str, object]:
    general = {"endpoint", "kind", "times", "rate", "grant_type", "after"}
    options = dict(KINDS[kind])
    for name, value in body.items():
        if name in general:
            continue
        if name not in options:
            known = ", ".join(options) or "none"
            raise ValueError(f"{kind!r} has no option {name!r}; known: {known}")
        if not _is_valid(name, value, options[name]):
            raise ValueError(f"option {name} of {kind!r} has an invalid value: {value!r}")
        options[name] = value
    if kind == "answer" and "answer" not in body:
        raise ValueError("'answer' needs the option answer: an object to merge into the response")
    return options


def _is_valid(name: str, value: object, default: object) -> bool:
    if name == "retry_after":  # an integer, any text (dates, nonsense) or null: no header
        return value is None or isinstance(value, str) or type(value) is int
    if isinstance(value, bool) or isinstance(default, bool):
        return type(value) is type(default)
    if isinstance(default, float):
        return isinstance(value, int | float) and 0 <= value < inf
    if name == "status":
        return isinstance(value, int) and 200 <= value <= 599
    return type(value) is type(default)


def apply(fault: Fault, true_response: Response | None) -> Response:
    """Return what the caller gets instead of `true_response` (None: the work was not done)."""
    return _APPLY[fault.kind](fault, true_response or Response(status=200))


def merged(response: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `response` with `changes` merged in deeply; the value "$delete" removes a key."""
    result = dict(response)
    for key, value in changes.items():
        if value == DELETE:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def _send_with(sender: http_server.Sender, response: Response) -> Response:
    request.environ[http_server.SENDER] = sender
    return response


def _number(fault: Fault, name: str) -> float:
    return float(str(fault.options[name]))


def _status(fault: Fault) -> int:
    return int(_number(fault, "status"))


def _response(fault: Fault, body: str | bytes, content_type: str) -> Response:
    return Response(body, status=_status(fault), content_type=content_type)


def _http500(fault: Fault, _: Response) -> Response:
    code = "internal_error" if fault.endpoint in ("user_info", "video_list") else "server_error"
    return json_response(error_payload(fault.endpoint, code, DESCRIPTION), _status(fault))


def _error200(fault: Fault, _: Response) -> Response:
    description = str(fault.options["description"]) or DESCRIPTION
    code = str(fault.options["error"])
    return json_response(error_payload(fault.endpoint, code, description), _status(fault))


def _throttle(fault: Fault, _: Response) -> Response:
    payload = error_payload(fault.endpoint, "rate_limit_exceeded", DESCRIPTION)
    response = json_response(payload, _status(fault))
    if fault.options["retry_after"] is not None:
        response.headers["Retry-After"] = str(fault.options["retry_after"])
    return response


def _redirect(fault: Fault, _: Response) -> Response:
    response = _response(fault, "", "text/plain")
    response.headers["Location"] = str(fault.options["location"])
    return response


def _raw(fault: Fault, _: Response) -> Response:
    body, content_type = str(fault.options["body"]), str(fault.options["content_type"])
    return _response(fault, body.encode("utf-8", "surrogatepass"), content_type)


def _truncated(fault: Fault, response: Response) -> Response:
    if fault.options["cut"]:
        return _send_with(http_server.half, response)
    body = response.get_data()
    response.set_data(body[: len(body) // 2])
    return response


def _padded(fault: Fault, response: Response) -> bytes:
    body = response.get_data()
    # White space before JSON is valid, so only a limit on size can refuse it.
    return b" " * max(0, int(_number(fault, "bytes")) - len(body)) + body


def _big(fault: Fault, response: Response) -> Response:
    response.set_data(_padded(fault, response))
    return _send_with(http_server.chunked, response) if fault.options["chunked"] else response


def _gzip(fault: Fault, response: Response) -> Response:
    response.set_data(gzip.compress(_padded(fault, response)))
    response.headers["Content-Encoding"] = "gzip"
    return response


def _bad_utf8(fault: Fault, response: Response) -> Response:
    body = response.get_data()
    response.set_data(body.replace(b':"', b':"\xff\xfe') if b':"' in body else body + b"\xff\xfe")
    return response


def _answer(fault: Fault, response: Response) -> Response:
    payload = response.get_json(silent=True) or {}
    if "error" not in payload or _is_ok(payload):
        changes = fault.options["answer"]
        response = json_response(merged(payload, changes if isinstance(changes, dict) else {}))
    return response


def _is_ok(payload: Mapping[str, Any]) -> bool:
    error = payload.get("error")
    return isinstance(error, dict) and error.get("code") == "ok"


_APPLY: dict[str, Callable[[Fault, Response], Response]] = {
    "http500": _http500,
    "html": lambda fault, _: _response(fault, HTML, "text/html; charset=utf-8"),
    "error200": _error200,
    "empty": lambda fault, _: _response(fault, "", "application/json"),
    "empty_object": lambda fault, _: _response(fault, json.dumps({}), "application/json"),
    "truncated": _truncated,
    "big": _big,
    "gzip": _gzip,
    "slow": lambda fault, r: _send_with(http_server.slow_body(_number(fault, "interval")), r),
    "dribble_headers": lambda fault, r: _send_with(
        http_server.slow_all(_number(fault, "interval")), r
    ),
    "timeout": lambda fault, r: _send_with(http_server.silence(_number(fault, "seconds")), r),
    "drop": lambda fault, r: _send_with(http_server.drop(reset=bool(fault.options["reset"])), r),
    "redirect": _redirect,
    "throttle": _throttle,
    "bad_utf8": _bad_utf8,
    "answer": _answer,
    "raw": _raw,
}
