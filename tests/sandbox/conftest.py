"""One real sandbox process for each test module, reset before each test."""

import secrets
from collections.abc import Iterator

import pytest

from tests.sandbox.client import Client, start, stop
from tests.sandbox.webhook_receiver import WebhookReceiver


@pytest.fixture(scope="module")
def running() -> Iterator[Client]:
    key, secret = f"key-{secrets.token_hex(8)}", f"fake-{secrets.token_hex(16)}"
    started = start(key=key, secret=secret)
    client = Client(started.url, key, secret)
    yield client
    client.http.close()
    assert stop(started) == ("", "")
    assert started.process.returncode == 0


@pytest.fixture
def sandbox(running: Client) -> Client:
    """The module's sandbox, with nothing left from the previous test."""
    running.control("forget")
    return running


@pytest.fixture
def receiver() -> Iterator[WebhookReceiver]:
    """A receiver of webhooks that keeps what it gets."""
    with WebhookReceiver() as started:
        yield started
        started.shutdown()
