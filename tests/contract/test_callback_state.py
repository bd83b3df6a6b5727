"""The state is judged before anything else: anyone who did not begin here calls nobody."""

import secrets
from base64 import urlsafe_b64decode
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.contract.evidence import all_calls, callback, heading, question, rows
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.walk import begin, come_back, consent

MARK = f"mark-{secrets.token_hex(6)}"
Pair = tuple[str, str]
#: How TikTok's answer may look, apart from the state.
ANSWERS: dict[str, list[Pair]] = {
    "success": [("code", MARK), ("scopes", "user.info.basic")],
    "refusal": [("error", "access_denied"), ("error_description", MARK)],
    "fault": [("error", "server_error"), ("error_type", "redirect_uri")],
    "both": [("code", MARK), ("error", "access_denied")],
    "nothing": [],
}


def state_of(client: FlaskClient) -> str:
    return question(begin(client))["state"]


def missing(client: FlaskClient) -> list[Pair]:
    state_of(client)
    return []


def empty(client: FlaskClient) -> list[Pair]:
    state_of(client)
    return [("state", "")]


def unknown(client: FlaskClient) -> list[Pair]:
    state_of(client)
    return [("state", secrets.token_urlsafe(32))]


def changed(client: FlaskClient) -> list[Pair]:
    state = state_of(client)
    return [("state", state[:-1] + ("a" if state[-1] != "a" else "b"))]


def cut(client: FlaskClient) -> list[Pair]:
    return [("state", state_of(client)[:-1])]


def doubled(client: FlaskClient) -> list[Pair]:
    return [("state", state_of(client))] * 2


def one_of_two(client: FlaskClient) -> list[Pair]:
    return [("state", state_of(client)), ("state", "another")]


def foreign(client: FlaskClient) -> list[Pair]:
    state_of(client)
    return [("state", state_of(client.application.test_client()))]


def used(client: FlaskClient) -> list[Pair]:
    state = state_of(client)
    assert client.get(callback(("error", "access_denied"), ("state", state))).status_code == 200
    return [("state", state)]


@pytest.mark.rule(12)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize(
    "make", [missing, empty, unknown, changed, cut, doubled, one_of_two, foreign, used]
)
def test_a_state_that_is_not_this_browsers_open_one_is_refused_without_a_call(
    client: FlaskClient,
    sandbox: Sandbox,
    make: Callable[[FlaskClient], list[Pair]],
    answer: list[Pair],
) -> None:
    state = make(client)
    refused = client.get(callback(*answer, *state))
    assert refused.status_code == 400, refused.text
    assert all_calls(sandbox) == 0
    assert rows(client.application) == []
    secret = [MARK, *(value for _, value in state if len(value) > 20)]
    assert not [each for each in secret if each in refused.text]


@pytest.mark.rule(9, 12)
def test_another_browser_cannot_finish_and_the_one_that_began_still_can(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    came = consent(begin(client))
    stranger = client.application.test_client()
    assert heading(come_back(stranger, came).text) == "We couldn't recognize your browser"
    begin(stranger)
    refused = come_back(stranger, came)
    assert refused.status_code == 400
    assert heading(refused.text) == "This page is from an earlier attempt"
    assert all_calls(sandbox) == 0
    assert come_back(client, came).status_code == 303


@pytest.mark.rule(9)
def test_a_forged_return_does_not_spoil_the_attempt_that_is_under_way(client: FlaskClient) -> None:
    came = consent(begin(client))
    state = ("state", question(came)["state"])
    for forged in [("state", MARK)], [state, state], [state, ("state", MARK)]:
        assert client.get(callback(("code", MARK), *forged)).status_code == 400
    assert come_back(client, came).status_code == 303


@pytest.mark.rule(9)
def test_a_state_has_128_random_bits_and_is_never_drawn_twice(client: FlaskClient) -> None:
    states = [state_of(client) for _ in range(20)]
    drawn = [urlsafe_b64decode(each + "=" * (-len(each) % 4)) for each in states]
    assert min(map(len, drawn)) * 8 >= 128
    # No byte of it stands still: with 20 draws of 256 values that is no chance.
    assert all(len(set(place)) > 5 for place in zip(*drawn, strict=True))


@pytest.mark.rule(9)
def test_a_state_lives_ten_minutes_and_not_only_seconds(
    client: FlaskClient, clock: MovableClock
) -> None:
    came = consent(begin(client))
    clock.advance(minutes=9, seconds=59)
    assert come_back(client, came).status_code == 303


@pytest.mark.rule(9)
@pytest.mark.parametrize("minutes", [10, 29, 31, 180])
def test_a_state_of_more_than_ten_minutes_is_refused_without_a_call(
    client: FlaskClient, sandbox: Sandbox, clock: MovableClock, minutes: int
) -> None:
    came = consent(begin(client))
    clock.advance(minutes=minutes, seconds=1)
    late = come_back(client, came)
    assert late.status_code == 400
    assert heading(late.text) == "That took longer than 10 minutes"
    assert all_calls(sandbox) == 0
    assert rows(client.application) == []
    clock.advance(minutes=-minutes)
    again: TestResponse = come_back(client, came)
    assert again.status_code == 400, "it is used up, whatever the clock says"
    assert all_calls(sandbox) == 0
