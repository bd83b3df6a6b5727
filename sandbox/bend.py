"""Applies a fault to an answer; the work behind the answer is done elsewhere, or not at all."""

import gzip
import json
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response, request

from sandbox import delivery
from sandbox.faults import Fault
from sandbox.http_server import DELIVERY, Delivery
from sandbox.responses import error_payload, json_response

DELETE = "$delete"
HTML = "<!doctype html><title>Pretend TikTok</title><h1>502 Bad Gateway</h1><p>A fault of a test."


def bend(fault: Fault, true_answer: Response | None) -> Response:
    """Return what the caller gets instead of `true_answer` (None: no work was done)."""
    return _BENDS[fault.kind](fault, true_answer or Response(status=200))


def merged(answer: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `changes` deeply over an answer; the value "$delete" takes a key away."""
    result = dict(answer)
    for key, value in changes.items():
        if value == DELETE:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def _sent(by: Delivery, response: Response) -> Response:
    request.environ[DELIVERY] = by
    return response


def _number(fault: Fault, name: str) -> float:
    return float(str(fault.options[name]))


def _status(fault: Fault) -> int:
    return int(_number(fault, "status"))


def _plain(body: str | bytes, status: int, content_type: str) -> Response:
    return Response(body, status=status, content_type=content_type)


def _http500(fault: Fault, _: Response) -> Response:
    code = "internal_error" if fault.endpoint in ("user_info", "video_list") else "server_error"
    return json_response(error_payload(fault.endpoint, code, "A fault of a test."), _status(fault))


def _error200(fault: Fault, _: Response) -> Response:
    words = str(fault.options["description"]) or "A fault of a test."
    code = str(fault.options["error"])
    return json_response(error_payload(fault.endpoint, code, words), _status(fault))


def _throttle(fault: Fault, _: Response) -> Response:
    payload = error_payload(fault.endpoint, "rate_limit_exceeded", "A fault of a test.")
    response = json_response(payload, _status(fault))
    if fault.options["retry_after"] is not None:
        response.headers["Retry-After"] = str(fault.options["retry_after"])
    return response


def _redirect(fault: Fault, _: Response) -> Response:
    response = _plain("", _status(fault), "text/plain")
    response.headers["Location"] = str(fault.options["location"])
    return response


def _raw(fault: Fault, _: Response) -> Response:
    body, content_type = str(fault.options["body"]), str(fault.options["content_type"])
    return _plain(body.encode("utf-8", "surrogatepass"), _status(fault), content_type)


def _truncated(fault: Fault, response: Response) -> Response:
    if fault.options["cut"]:
        return _sent(delivery.cut, response)
    body = response.get_data()
    response.set_data(body[: len(body) // 2])
    return response


def _big(fault: Fault, response: Response) -> Response:
    body = response.get_data()
    padding = b" " * max(0, int(_number(fault, "bytes")) - len(body))
    response.set_data(padding + body)  # white space before JSON: only a size cap can refuse it
    return _sent(delivery.chunked, response) if fault.options["chunked"] else response


def _gzip(fault: Fault, response: Response) -> Response:
    body = response.get_data()
    padding = b" " * max(0, int(_number(fault, "bytes")) - len(body))
    response.set_data(gzip.compress(padding + body))
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


_BENDS: dict[str, Callable[[Fault, Response], Response]] = {
    "http500": _http500,
    "html": lambda fault, _: _plain(HTML, _status(fault), "text/html; charset=utf-8"),
    "error200": _error200,
    "empty": lambda fault, _: _plain("", _status(fault), "application/json"),
    "empty_object": lambda fault, _: _plain(json.dumps({}), _status(fault), "application/json"),
    "truncated": _truncated,
    "big": _big,
    "gzip": _gzip,
    "slow": lambda fault, r: _sent(delivery.slow(_number(fault, "interval")), r),
    "dribble_headers": lambda fault, r: _sent(delivery.dribble(_number(fault, "interval")), r),
    "timeout": lambda fault, r: _sent(delivery.silent(_number(fault, "seconds")), r),
    "drop": lambda fault, r: _sent(delivery.drop(reset=bool(fault.options["reset"])), r),
    "redirect": _redirect,
    "throttle": _throttle,
    "bad_utf8": _bad_utf8,
    "answer": _answer,
    "raw": _raw,
}
