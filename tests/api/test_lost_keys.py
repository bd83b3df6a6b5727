"""A key that is revoked while its own request is under way gets no token, and the audit tells none.

Three moments: while the body arrives, while TikTok refreshes, while the database is waited for.
"""

import json
from collections.abc import Callable
from types import ModuleType
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import update

from tests.api.asking import Service, problem
from tests.audit.telling import told
from tests.keep.standins import with_provider
from tests.movable import MovableClock
from tests.security.meanwhile import Arriving, Interrupted
from tests.servers import Sandbox
from tests.services.holding import runtime_of
from webapp.database import writing
from webapp.models import User
from webapp.services import people
from webapp.services.connect import disconnect
from webapp.services.handout import handout, service_keys, uses
from webapp.services.refresh import on_demand
from webapp.views.http.runtime import KEY

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def revoke(app: Flask, clock: MovableClock) -> Callable[[], None]:
    """Revoke the service's key, as an operator would."""

    def revoke() -> None:
        with app.app_context():
            service_keys.revoke("reports", clock())

    return revoke


def during(app: Flask, call: str, happens: Callable[[], object]) -> None:
    runtime = runtime_of(app)
    app.extensions[KEY] = with_provider(runtime, Interrupted(runtime.provider, call, happens))


def just_before(
    monkeypatch: pytest.MonkeyPatch, where: ModuleType, name: str, happens: Callable[[], object]
) -> None:
    """Let something happen before each call of a function."""
    true = getattr(where, name)

    def later(*args: object, **kwargs: object) -> object:
        happens()
        return true(*args, **kwargs)

    monkeypatch.setattr(where, name, later)


def just_after(
    monkeypatch: pytest.MonkeyPatch,
    where: ModuleType,
    name: str,
    happens: Callable[[], object],
    calls: int = 1,
) -> None:
    """Let something happen after a function was called so many times, always with the same."""
    true = getattr(where, name)

    def earlier(*args: object) -> object:
        *_others, found = [true(*args) for _ in range(calls)]
        happens()
        return found

    monkeypatch.setattr(where, name, earlier)


def test_while_its_refresh_is_at_tiktok(
    app: Flask, service: Service, mara: str, clock: MovableClock, revoke: Callable[[], None]
) -> None:
    clock.advance(hours=3)
    during(app, "refresh", revoke)
    problem(service.get(mara), 401, "bad_key")
    assert told(app, "connection.handed_out") == []


def test_while_its_refresh_is_at_tiktok_and_its_use_is_written_down_already(
    app: Flask, service: Service, mara: str, clock: MovableClock, revoke: Callable[[], None]
) -> None:
    assert service.get(mara).status_code == 200
    clock.advance(minutes=59)
    with app.app_context(), writing() as session:
        session.execute(update(User).values(access_expires_at=clock()))
    during(app, "refresh", revoke)
    problem(service.get(mara), 401, "bad_key")


def test_before_its_refresh_is_sent(
    app: Flask,
    service: Service,
    mara: str,
    sandbox: Sandbox,
    clock: MovableClock,
    revoke: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock.advance(hours=3)
    just_before(monkeypatch, on_demand, "fresh_access", revoke)
    problem(service.get(mara), 401, "bad_key")
    assert sandbox.calls("token.refresh_token") == 0


def test_while_the_first_use_waits_to_be_written_down(
    app: Flask,
    service: Service,
    mara: str,
    revoke: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    just_before(monkeypatch, uses, "record_use", revoke)
    problem(service.get(mara), 401, "bad_key")
    assert told(app, "connection.handed_out") == []


def test_while_its_own_last_use_waits_to_be_written_down(
    app: Flask,
    service: Service,
    mara: str,
    revoke: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    just_before(monkeypatch, handout, "_record_key_use", revoke)
    problem(service.get(mara), 401, "bad_key")


def test_while_its_body_arrives(
    app: Flask, service: Service, mara: str, sandbox: Sandbox, revoke: Callable[[], None]
) -> None:
    body = json.dumps({"rejected_version": 1}).encode()
    answer = app.test_client().post(
        f"/api/v1/tokens/{quote(mara, safe='')}/refresh",
        headers={"Authorization": f"Bearer {service.key}"},
        environ_overrides={"wsgi.input": Arriving(body, revoke), "CONTENT_LENGTH": str(len(body))},
    )
    problem(answer, 401, "bad_key")
    assert sandbox.calls("token.refresh_token") == 0


def test_a_body_that_never_comes_is_a_408(app: Flask, service: Service, mara: str) -> None:
    def silence() -> None:
        raise TimeoutError

    answer = app.test_client().post(
        f"/api/v1/tokens/{quote(mara, safe='')}/refresh",
        headers={"Authorization": f"Bearer {service.key}"},
        environ_overrides={"wsgi.input": Arriving(b"{", silence), "CONTENT_LENGTH": "10"},
    )
    assert problem(answer, 408, "too_slow")["retryable"]


def test_a_connection_that_ends_meanwhile_gives_no_token(
    app: Flask, service: Service, mara: str, clock: MovableClock
) -> None:
    true = runtime_of(app).provider

    def end() -> None:
        with app.app_context():
            runtime = with_provider(runtime_of(app), true)
            found = people.find_by_open_id(runtime, mara)
            assert found is not None
            disconnect.disconnect_person(runtime, found.ref)

    clock.advance(hours=3)
    during(app, "refresh", end)
    assert problem(service.get(mara), 409, "reconnect_required")["reason"] == "disconnected"


def test_the_last_use_of_a_revoked_key_is_not_written(
    app: Flask, service: Service, mara: str, revoke: Callable[[], None], clock: MovableClock
) -> None:
    revoke()
    problem(service.get(mara), 401, "bad_key")
    with app.app_context():
        (key,) = service_keys.list_all()
        assert not handout._record_key_use(key.id, clock())
        (key,) = service_keys.list_all()
    assert key.last_used_at is None


def test_right_after_the_use_was_written_down(
    app: Flask,
    service: Service,
    mara: str,
    revoke: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    just_after(monkeypatch, uses, "record_use", revoke)
    problem(service.get(mara), 401, "bad_key")


def test_right_after_another_request_wrote_the_same_use_down(
    app: Flask,
    service: Service,
    mara: str,
    revoke: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    just_after(monkeypatch, uses, "record_use", revoke, calls=2)
    problem(service.get(mara), 401, "bad_key")


def test_a_person_deleted_before_the_use_is_written_down_gives_no_token(
    app: Flask, service: Service, mara: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave() -> None:
        found = people.find_by_open_id(runtime_of(app), mara)
        assert found is not None
        disconnect.delete_person(runtime_of(app), found.ref)

    just_before(monkeypatch, uses, "record_use", leave)
    assert service.get(mara).status_code == 404
