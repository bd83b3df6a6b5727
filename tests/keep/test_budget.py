"""The time budget of token-keeping: whole call < age of a claim that is sent < lease."""

import os
import runpy
from datetime import timedelta
from pathlib import Path

import pytest

from webapp.services.refresh import answer_store, breaker, claims, on_demand, verdicts
from webapp.tiktok import transport

ROOT = Path(__file__).resolve().parents[2]


def test_a_call_ends_before_its_claim_is_too_old_and_that_before_the_lease() -> None:
    assert transport.CALL_SECONDS == 10
    assert timedelta(seconds=20) == claims.SEND_WITHIN
    assert timedelta(seconds=60) == claims.LEASE
    assert claims.SEND_WITHIN + timedelta(seconds=transport.CALL_SECONDS) < claims.LEASE


def test_gunicorn_waits_longer_than_a_whole_call(monkeypatch: pytest.MonkeyPatch) -> None:
    # It lets this process count in a folder from now on; nobody after this test may.
    monkeypatch.setattr("os.environ", os.environ.copy())
    served = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    # A caller may wait for another's refresh, and then refresh itself.
    longest = on_demand.PATIENCE.total_seconds() + transport.CALL_SECONDS
    assert served["timeout"] > longest
    assert served["graceful_timeout"] > longest


def test_a_caller_waits_as_long_as_a_call_may_last() -> None:
    assert on_demand.PATIENCE.total_seconds() >= transport.CALL_SECONDS


@pytest.mark.rule(34)
def test_the_figures_of_the_verdicts_are_those_of_the_design() -> None:
    assert timedelta(seconds=60) == verdicts.SECOND_REFUSAL_AFTER
    assert timedelta(seconds=30) == breaker.PROBE_EVERY
    assert (breaker.WINDOW, breaker.MIN_OUTCOMES, breaker.MASS_SHARE, breaker.FAILING_SHARE) == (
        50,
        20,
        0.3,
        0.8,
    )
    assert answer_store.GROUP == 64
