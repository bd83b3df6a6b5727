"""What every provider call goes through: latency, faults, counting; never what the call does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import Response

from sandbox.bend import bend
from sandbox.responses import API_STATUS, FLAT, error_payload, json_response
from sandbox.runtime import desk


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call came to: the body, TikTok's word for it (`ok` or an error), the HTTP status."""

    payload: Mapping[str, object] | None
    word: str = "ok"
    status: int = 200


def failure(endpoint: str, code: str, words: str) -> Outcome:
    """Return an error in the endpoint's shape with the status TikTok gives it."""
    status = desk().knobs.manners.error_status if endpoint in FLAT else API_STATUS[code]
    return Outcome(error_payload(endpoint, code, words), code, status)


def serve(endpoint: str, work: Callable[[], Outcome], grant_type: str | None = None) -> Response:
    """Do one call's work, or what a fault makes of it, and count it.

    Waits outside every lock.
    """
    here = desk()
    call = f"{endpoint}.{grant_type}" if grant_type else endpoint
    here.counters.enter()
    try:
        here.knobs.wait(endpoint, after=False)
        fault = here.faults.draw(endpoint, grant_type)
        if fault is None or fault.after:
            outcome = work()
            here.counters.count(call, outcome.word)
            true_answer = json_response(outcome.payload, outcome.status)
        else:
            here.counters.count(call, "fault")
            true_answer = None
        here.knobs.wait(endpoint, after=True)
    finally:
        here.counters.leave()
    if fault is None:
        assert true_answer is not None  # noqa: S101  # work was done: for the type checker
        return true_answer
    here.counters.count_fault(call, fault.kind)
    return bend(fault, true_answer)
