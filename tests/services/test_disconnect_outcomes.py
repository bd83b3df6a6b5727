"""A disconnect says truthfully what became of the grant, no matter who ended it and when."""

from collections.abc import Callable
from typing import NoReturn

import pytest
from flask import Flask

from tests.audit.telling import told
from tests.keep.standins import with_provider
from tests.movable import MovableClock
from tests.security.meanwhile import Interrupted
from tests.servers import Sandbox
from tests.services.grants import given, join, made_up
from tests.services.holding import assert_forgotten, the_row
from webapp.database import writing
from webapp.models import PersonRef, User
from webapp.services.connect import disconnect
from webapp.services.connect.disconnect import Outcome, disconnect_person
from webapp.services.refresh.claims import LEASE
from webapp.services.runtime import Runtime
from webapp.tiktok.provider import Provider

pytestmark = pytest.mark.usefixtures("each_database")


class Dying(Provider):
    """The process is stopped while TikTok revokes."""

    def __init__(self) -> None:
        """Take nothing."""

    def revoke(self, access_token: str) -> NoReturn:
        """Stop."""
        raise SystemExit


def change(person: PersonRef, **columns: object) -> None:
    """Write columns into a person's row."""
    with writing() as session:
        user = session.get_one(User, person.id)
        for name, value in columns.items():
            setattr(user, name, value)


@pytest.fixture
def revoking(runtime: Runtime) -> PersonRef:
    """Someone whose grant another request is revoking."""
    person = join(runtime, made_up(runtime.clock())).person
    now = runtime.clock()
    change(person, status="revoking", claim="another", ended_at=now, next_at=now + LEASE)
    return person


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """A function: this happens while a second disconnect waits for the first."""

    def let(happen: Callable[[], object]) -> None:
        monkeypatch.setattr(disconnect, "_pause", lambda _seconds: happen())

    return let


def test_a_new_connection_during_the_revoke_is_reported_and_not_called_disconnected(
    runtime: Runtime, sandbox: Sandbox
) -> None:
    person = join(runtime, given(sandbox, runtime.clock())).person
    again = Interrupted(
        runtime.provider, "revoke", lambda: join(runtime, given(sandbox, runtime.clock()))
    )
    outcome = disconnect_person(with_provider(runtime, again), person)
    assert outcome == Outcome(confirmed=False, forgotten=False, code="connected_again")


@pytest.mark.parametrize(("code", "confirmed"), [(None, True), ("server_error", False)])
def test_a_second_disconnect_reports_how_the_first_one_ended(
    runtime: Runtime,
    revoking: PersonRef,
    meanwhile: Callable[..., None],
    code: str | None,
    confirmed: bool,
) -> None:
    meanwhile(lambda: change(revoking, status="revoked", last_error=code))
    assert disconnect_person(runtime, revoking) == Outcome(confirmed, code=code or "")


def test_a_second_disconnect_reports_a_connection_that_was_made_meanwhile(
    runtime: Runtime, revoking: PersonRef, meanwhile: Callable[..., None]
) -> None:
    meanwhile(lambda: change(revoking, status="active", claim=None))
    outcome = disconnect_person(runtime, revoking)
    assert outcome == Outcome(confirmed=False, forgotten=False, code="connected_again")


def test_a_disconnect_whose_process_dies_is_due_when_its_lease_ends(
    runtime: Runtime, app: Flask, clock: MovableClock
) -> None:
    person = join(runtime, made_up(clock())).person
    with pytest.raises(SystemExit):
        disconnect_person(with_provider(runtime, Dying()), person)
    user = the_row(app)
    assert (user.status, user.ended_at, user.next_at) == ("revoking", clock(), clock() + LEASE)
    assert user.claim


@pytest.mark.audit("connection.revoked")
def test_a_connection_without_tokens_is_ended_and_recorded_without_a_call(
    runtime: Runtime, app: Flask, sandbox: Sandbox
) -> None:
    person = join(runtime, made_up(runtime.clock())).person
    with writing() as session:
        user = session.get_one(User, person.id)
        runtime.vault.forget(user)
        user.status = "reconnect"
    outcome = disconnect_person(runtime, person)
    assert outcome == Outcome(confirmed=True, code="nothing_held")
    assert sandbox.calls("revoke") == 0
    assert_forgotten(the_row(app))
    (event,) = told(app, "connection.revoked")
    assert event.on == person.ticket
    assert event.fields == {"confirmed": True, "code": "nothing_held"}
