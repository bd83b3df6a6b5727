"""What to do when a machine lacks a program: never pass silently, and under CI never skip."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip, saying in one line why; with CI=true fail, because there everything is installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, but {what}", pytrace=False)
    pytest.skip(what)


def told_once(skipped: Iterable[pytest.TestReport]) -> Iterator[str]:
    """Yield one line for each reason, with the number of tests it kept from running."""
    reasons = Counter(
        report.longrepr[2].removeprefix("Skipped: ")
        for report in skipped
        if isinstance(report.longrepr, tuple)
    )
    for reason, number in reasons.items():
        yield f"SKIPPED {number} tests: {reason}"
