"""The time budget of token-keeping: whole call < age of a claim that is sent < lease."""

import os
import runpy
from datetime import timedelta
from pathlib import Path

import pytest

from webapp.services.refresh import brakes, claims, landing, refresh, verdicts
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
    longest = refresh.PATIENCE.total_seconds() + transport.CALL_SECONDS
    assert served["timeout"] > longest
    assert served["graceful_timeout"] > longest


def test_a_caller_waits_as_long_as_a_call_may_last() -> None:
    assert refresh.PATIENCE.total_seconds() >= transport.CALL_SECONDS


@pytest.mark.rule(34)
def test_the_figures_of_the_verdicts_are_those_of_the_design() -> None:
    assert timedelta(seconds=60) == verdicts.SECOND_LOOK
    assert timedelta(seconds=30) == brakes.PROBE_EVERY
    assert (brakes.WINDOW, brakes.ENOUGH, brakes.MASS, brakes.FAILING) == (50, 20, 0.3, 0.8)
    assert landing.GROUP == 64
