"""The section on webhooks in docs/api.md: its snippet runs, its words are the code's."""

import base64
import os
import re
import secrets
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from tests.processes import ROOT
from tests.tiktok.peer import Peer
from webapp.clock import utc_now
from webapp.notify import Sender
from webapp.services.notifications import outbox, retry_schedule

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
SECTION = PAGE.split("\n## Webhooks")[1].split("\n## ")[0]


def run(body: bytes, headers: dict[str, str]) -> list[tuple[str, ...]]:
    """Run the snippet as a receiver does; return what it handled."""
    handled: list[tuple[Any, ...]] = []
    (snippet,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    names = {"os": os, "body": body, "headers": headers}
    exec(snippet, names | {"handle_once": lambda *told: handled.append(told)})  # noqa: S102  it is ours
    return handled


def test_the_snippet_takes_what_is_ours_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    monkeypatch.setenv("NOTIFY_SECRET", secret)
    told = outbox.body_of("connection.restored", utc_now(), {"ticket": "ct_made-up"})
    with Peer() as peer:
        peer.will_answer(b"", status=204)
        Sender(peer.url, secret, utc_now)("msg_made_up", told)
    (request,) = peer.requests
    headers = dict(request.headers)
    expected = [("msg_made_up", "connection.restored", {"ticket": "ct_made-up"})]
    assert run(request.body, headers) == expected
    with pytest.raises(WebhookVerificationError):
        run(request.body + b" ", headers)


def test_the_table_names_every_event() -> None:
    assert set(re.findall(r"^\| `(\w+\.\w+)`", SECTION, re.MULTILINE)) == outbox.EVENTS


def test_the_pauses_are_those_of_the_code() -> None:
    words = {5: "5 s", 300: "5 min", 1800: "30 min", 7200: "2 h", 18000: "5 h", 36000: "10 h"}
    pauses = [words[int(pause.total_seconds())] for pause in retry_schedule.PAUSES]
    assert f"after {', '.join(pauses[:-1])} and {pauses[-1]}, then given up" in SECTION
