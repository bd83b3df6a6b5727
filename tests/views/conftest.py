"""Fixtures of the pages' tests: the log of the test."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture
def silent() -> Iterator[list[structlog.types.EventDict]]:
    """The log, kept instead of printed."""
    with structlog.testing.capture_logs() as lines:
        yield lines
