"""The example client of docs/, as a service would run it: against gunicorn and the sandbox."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import requests
from flask import Flask

from tests.movable import MovableClock
from tests.processes import ROOT
from tests.servers import Gunicorn, Sandbox, plain_session
from webapp.services.handout import service_keys

PATH = ROOT / "docs" / "example_client.py"


@pytest.fixture
def example(
    app: Flask, server: Gunicorn, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ModuleType]:
    """The client, with its two settings."""
    with app.app_context():
        monkeypatch.setenv("COATCHECK_KEY", service_keys.issue("example", clock()))
    monkeypatch.setenv("COATCHECK_URL", server.url)
    spec = importlib.util.spec_from_file_location("example_client", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("example_client", None)


def status_at_tiktok(sandbox: Sandbox, access_token: str) -> int:
    """Return what the mock TikTok answers to a call with the token."""
    url = f"{sandbox.url}/v2/user/info/?fields=open_id"
    with plain_session() as session:
        return session.get(url, headers={"Authorization": f"Bearer {access_token}"}).status_code


def test_it_gets_a_token_once_and_asks_for_changes_afterwards(
    example: ModuleType, server: Gunicorn, sandbox: Sandbox, mara: str
) -> None:
    first, second = example.token(mara), example.token(mara)
    assert first == second
    assert status_at_tiktok(sandbox, first["access_token"]) == 200
    lines = [json.loads(line) for line in server.log().splitlines() if line.startswith('{"')]
    asked = [line["status"] for line in lines if mara in line.get("path", "")]
    assert asked == [200, 304]


@pytest.mark.long
def test_it_replaces_a_token_that_tiktok_rejects(
    example: ModuleType, sandbox: Sandbox, mara: str
) -> None:
    held = example.token(mara)
    sandbox.expire("mara")
    assert status_at_tiktok(sandbox, held["access_token"]) == 401
    newer = example.token(mara, held["version"])
    assert status_at_tiktok(sandbox, newer["access_token"]) == 200
    assert example.token(mara)["version"] == 2
    assert sandbox.calls("token.refresh_token") == 1


@pytest.mark.long
def test_it_waits_as_long_as_it_is_told(
    example: ModuleType, sandbox: Sandbox, mara: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []
    monkeypatch.setattr(example.time, "sleep", waits.append)
    held = example.token(mara)
    sandbox.faults("token", "http500", times=1)
    with pytest.raises(TimeoutError):
        example.token(mara, held["version"])
    assert len(waits) == 5
    assert all(1 <= wait <= 60 for wait in waits)


@pytest.mark.long
def test_it_tells_that_somebody_is_not_connected(example: ModuleType) -> None:
    with pytest.raises(requests.HTTPError, match="404"):
        example.token("-000nobody")


def test_it_stays_short() -> None:
    assert len(PATH.read_text(encoding="utf-8").splitlines()) <= 30
