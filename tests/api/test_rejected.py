"""TikTok answered 401 to a token: one refresh for all who say so, and none for old news."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask

from tests.api.asking import Service, problem
from tests.movable import MovableClock
from tests.servers import Sandbox

REFRESH = "token.refresh_token"


@pytest.mark.usefixtures("each_database")
def test_a_rejected_token_is_refreshed_however_long_it_would_live(
    service: Service, mara: str, sandbox: Sandbox
) -> None:
    before = service.get(mara).json
    answer = service.reject(mara, before["version"])
    assert answer.status_code == 200
    assert answer.json["version"] == before["version"] + 1
    assert answer.json["access_token"] != before["access_token"]
    assert answer.headers["ETag"].startswith('"2-')
    assert sandbox.calls(REFRESH) == 1


@pytest.mark.usefixtures("each_database")
def test_who_rejects_an_old_version_gets_the_newer_one_without_a_call(
    service: Service, mara: str, sandbox: Sandbox
) -> None:
    newer = service.reject(mara, 1).json
    for old in (0, 1):
        assert service.reject(mara, old).json["access_token"] == newer["access_token"]
    assert sandbox.calls(REFRESH) == 1


def test_a_version_that_was_never_handed_out_spends_no_refresh(
    service: Service, mara: str, sandbox: Sandbox
) -> None:
    for version in (2, 99, 10**18):
        assert service.reject(mara, version).json["version"] == 1
    assert sandbox.calls(REFRESH) == 0


def test_a_rejected_token_is_never_given_again(
    service: Service, mara: str, sandbox: Sandbox, clock: MovableClock
) -> None:
    sandbox.faults("token", "http500")
    problem(service.reject(mara, 1), 503, "refresh_pending")
    clock.advance(seconds=10)
    problem(service.reject(mara, 1), 503, "refresh_pending")


def test_who_was_not_rejected_gets_the_token_that_works_meanwhile(
    service: Service, mara: str, sandbox: Sandbox
) -> None:
    sandbox.faults("token", "http500")
    problem(service.reject(mara, 1), 503, "refresh_pending")
    assert service.get(mara).status_code == 200


@pytest.mark.rule(33)
@pytest.mark.usefixtures("each_database")
def test_all_who_reject_the_same_version_share_one_refresh(
    app: Flask, service: Service, mara: str, sandbox: Sandbox
) -> None:
    services = [Service(app.test_client(), service.key) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: each.reject(mara, 1), services))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json["version"] for answer in answers} == {2}
    assert sandbox.calls(REFRESH) == 1
