"""What to do when a machine lacks a program: never pass silently, and under CI never skip."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skip, saying in one line why; with CI=true fail, because there everything is installed."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI=true, but {what}", pytrace=False)
    pytest.skip(what)
