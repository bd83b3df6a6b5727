"""Handing a token out: what a service gets, and that its poller does not get it twice."""

import hashlib
import json

import pytest
from flask import Flask
from sqlalchemy import update

from tests.api.asking import Service, problem
from tests.api.conftest import Connect
from tests.movable import MovableClock
from tests.servers import Sandbox
from tests.services.holding import runtime_of, the_row
from webapp.database import writing
from webapp.models import User
from webapp.services.connect import disconnect

REFRESH = "token.refresh_token"


@pytest.mark.usefixtures("each_database")
def test_a_service_gets_the_token_that_tiktok_holds(
    service: Service, mara: str, sandbox: Sandbox, clock: MovableClock
) -> None:
    clock.advance(seconds=73)
    answer = service.get(mara)
    assert answer.status_code == 200
    said = answer.get_json()
    assert set(said) == {
        *("open_id", "access_token", "token_type", "scopes", "expires_at", "expires_in"),
        *("refreshed_at", "version", "warnings"),
    }
    digest = hashlib.sha256(said["access_token"].encode()).hexdigest()
    assert digest == sandbox.books()[mara]["access_token_sha256"]
    assert said["token_type"] == "Bearer"
    assert said["scopes"] == ["user.info.basic"]
    assert said["warnings"] == []
    assert said["expires_in"] == 7200 - 73
    assert said["expires_at"].endswith("Z")
    assert sandbox.calls(REFRESH) == 0


def test_the_answer_is_kept_by_nobody_and_speaks_of_no_cookie(service: Service, mara: str) -> None:
    answer = service.get(mara)
    assert answer.headers.getlist("Cache-Control") == ["no-store"]
    assert answer.headers.getlist("Vary") == ["Authorization"]
    assert answer.headers["ETag"].startswith(f'"{answer.json["version"]}-')
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")


def test_no_refresh_token_and_no_secret_leave(
    service: Service, mara: str, env: dict[str, str]
) -> None:
    answers = [service.get(mara), service.reject(mara, 1), service.get(mara, "min_ttl=86400")]
    text = "".join(answer.text for answer in answers)
    assert "rft." not in text
    assert not [v for n, v in env.items() if n.endswith(("SECRET", "KEYS")) and v in text]


@pytest.mark.parametrize("shown", ["{}", "W/{}", '"7", {}', "*"])
def test_a_poller_does_not_get_the_secret_again(service: Service, mara: str, shown: str) -> None:
    known = service.get(mara).headers["ETag"]
    answer = service.get(mara, If_None_Match=shown.format(known))
    assert answer.status_code == 304
    assert answer.data == b""
    assert answer.headers["ETag"].startswith('"1-')
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Authorization"
    assert "Content-Type" not in answer.headers


@pytest.mark.usefixtures("each_database")
def test_not_modified_is_said_only_of_a_token_that_is_fresh(
    service: Service, mara: str, sandbox: Sandbox, clock: MovableClock
) -> None:
    known = service.get(mara).headers["ETag"]
    clock.advance(seconds=7200 - 299)
    answer = service.get(mara, If_None_Match=known)
    assert answer.status_code == 200
    assert answer.json["version"] == 2
    assert sandbox.calls(REFRESH) == 1
    assert service.get(mara, If_None_Match=answer.headers["ETag"]).status_code == 304


@pytest.mark.rule(31)
@pytest.mark.parametrize(
    ("min_ttl", "refreshes"), [("0", 0), ("299", 0), ("600", 0), ("601", 1), ("1200", 1)]
)
def test_a_token_that_would_not_last_is_refreshed_first(
    service: Service, mara: str, sandbox: Sandbox, clock: MovableClock, min_ttl: str, refreshes: int
) -> None:
    clock.advance(seconds=7200 - 601)
    answer = service.get(mara, f"min_ttl={min_ttl}")
    assert answer.status_code == 200
    assert sandbox.calls(REFRESH) == refreshes
    assert answer.json["expires_in"] == (7200 if refreshes else 601)


def test_more_life_than_tiktok_gives_is_told_and_not_chased(
    service: Service, mara: str, sandbox: Sandbox
) -> None:
    answer = service.get(mara, "min_ttl=86400")
    assert answer.json["warnings"] == ["shorter_than_asked"]
    assert sandbox.calls(REFRESH) == 0


def test_scopes_are_named_by_commas_or_again(service: Service, connect: Connect) -> None:
    tomas = connect("tomas", ["user.info.basic", "video.list"])
    for query in ("scope=video.list,user.info.basic", "scope=video.list&scope=user.info.basic"):
        assert service.get(tomas, query).status_code == 200


@pytest.mark.usefixtures("each_database")
def test_a_scope_that_was_not_granted_gives_no_token(service: Service, mara: str) -> None:
    answer = service.get(mara, "scope=video.list,user.info.basic&scope=user.info.stats")
    said = problem(answer, 403, "scope_missing")
    assert said["missing"] == ["user.info.stats", "video.list"]
    assert said["reconnect_url"].endswith("/connect?add=user.info.stats&add=video.list")
    assert "access_token" not in json.dumps(said)
    assert service.reject(mara, 0, "scope=video.list").status_code == 403


@pytest.mark.usefixtures("each_database")
def test_who_deletes_the_account_and_connects_again_never_repeats_a_version(
    app: Flask, service: Service, connect: Connect, mara: str
) -> None:
    before = service.get(mara)
    with app.app_context():
        assert disconnect.delete_person(runtime_of(app), the_row(app).ref).confirmed
    connect("mara")
    after = service.get(mara, If_None_Match=before.headers["ETag"])
    assert after.status_code == 200
    assert after.json["version"] > before.json["version"]
    assert after.json["access_token"] != before.json["access_token"]


@pytest.mark.usefixtures("each_database")
def test_a_version_that_comes_again_after_a_restored_backup_is_another_token(
    app: Flask, service: Service, connect: Connect, mara: str
) -> None:
    """Version 2 was handed out, version 1 was restored, and the person connects again."""
    service.reject(mara, 1)
    before = service.get(mara)
    with app.app_context(), writing() as session:
        session.execute(update(User).values(version=1))
    connect("mara")
    after = service.get(mara, If_None_Match=before.headers["ETag"])
    assert (before.json["version"], after.status_code, after.json["version"]) == (2, 200, 2)
    assert after.json["access_token"] != before.json["access_token"]
