"""One real sandbox process for each test module, emptied before each test."""

import secrets
from collections.abc import Iterator

import pytest

from tests.sandbox.client import Caller, start, stop
from tests.sandbox.webhook_receiver import Inbox


@pytest.fixture(scope="module")
def running() -> Iterator[Caller]:
    key, secret = f"key-{secrets.token_hex(8)}", f"fake-{secrets.token_hex(16)}"
    started = start(key=key, secret=secret)
    caller = Caller(started.url, key, secret)
    yield caller
    caller.http.close()
    printed, complained = stop(started)
    assert printed == ""
    assert complained == ""
    assert started.process.returncode == 0


@pytest.fixture
def sandbox(running: Caller) -> Caller:
    """The module's sandbox, with nothing left of the test before."""
    running.control("forget")
    return running


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    """A receiver of webhooks."""
    with Inbox() as receiver:
        yield receiver
        receiver.shutdown()
