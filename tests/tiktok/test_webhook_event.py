"""A signed body is read as an event: what happened, to whom, when and why."""

import json

import pytest

from tests.webhooks.notices import BODY
from webapp.tiktok import webhook


@pytest.mark.rule(57)
def test_the_event_of_the_contract_is_read_whole() -> None:
    assert webhook.read(BODY) == webhook.WebhookEvent(
        event="authorization.removed",
        client_key="bwo2m45353a6k85",
        open_id="act.example12345Example12345Example",
        created_at=1615338610,
        reason=1,
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"reason": 4}', 4),
        ('{"reason": "3"}', 3),
        ({"reason": 5}, 5),
        ("{}", 0),
        ("not JSON", 0),
        ("[1]", 0),
        (None, 0),
        ([4], 0),
        ('{"reason": true}', 0),
    ],
)
def test_the_reason_is_read_from_text_and_from_an_object(content: object, reason: int) -> None:
    body = {"event": "authorization.removed", "create_time": 1, "content": content}
    assert webhook.read(json.dumps(body).encode()).reason == reason
