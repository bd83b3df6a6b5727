"""The one room where plain tokens meet sealed columns: what is stored, kept and forgotten."""

import base64
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from pydantic import SecretStr

from tests.services.grants import join, made_up
from tests.services.holding import assert_forgotten
from webapp.database import writing
from webapp.models import PersonRef, User
from webapp.services.people import get
from webapp.services.runtime import Runtime
from webapp.services.vault import CannotOpen, Vault
from webapp.tokens import TokenSet

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def first(runtime: Runtime) -> TokenSet:
    """The answer the person connected with."""
    return made_up(runtime.clock())


@pytest.fixture
def person(runtime: Runtime, first: TokenSet) -> PersonRef:
    """A connected person's id."""
    return join(runtime, first).person


@pytest.fixture
def store(runtime: Runtime, person: PersonRef) -> Callable[..., User]:
    """A function that puts one more answer into the row, with some fields changed."""

    def put(**changes: object) -> User:
        with writing() as session:
            user = session.get_one(User, person.id)
            runtime.vault.store(user, made_up(runtime.clock(), **changes), runtime.clock())
        return get(person)

    return put


def test_the_row_holds_no_token_as_it_came(
    runtime: Runtime, first: TokenSet, person: PersonRef
) -> None:
    user = get(person)
    for sealed in (user.access_token, user.refresh_token):
        assert str(sealed).startswith(f"v1.{runtime.vault.key_id}.")
    held = runtime.vault.load(user)
    assert held is not None
    assert (held.access_token, held.refresh_token) == (first.access_token, first.refresh_token)
    assert first.access_token not in repr(held) + repr(user)


@pytest.mark.rule(56)
def test_a_token_of_any_length_is_kept_whole(runtime: Runtime, store: Callable[..., User]) -> None:
    long = "act." + "x" * 100_000
    held = runtime.vault.load(store(access_token=long))
    assert held is not None
    assert held.access_token == long


@pytest.mark.rule(26, 38)
@pytest.mark.parametrize("nothing", [None, ""])
def test_no_refresh_token_in_the_answer_keeps_the_old_one(
    runtime: Runtime, first: TokenSet, store: Callable[..., User], nothing: str | None
) -> None:
    held = runtime.vault.load(store(refresh_token=nothing))
    assert held is not None
    assert held.refresh_token == first.refresh_token
    assert held.access_token != first.access_token


def test_what_the_answer_leaves_out_is_kept(first: TokenSet, store: Callable[..., User]) -> None:
    user = store(scopes=None, refresh_expires_at=None)
    assert user.granted == first.scopes
    assert user.refresh_expires_at == first.refresh_expires_at


def test_granted_scopes_may_shrink_to_none(store: Callable[..., User]) -> None:
    assert store(scopes=frozenset({"video.list", "user.info.basic"})).scope == (
        "user.info.basic,video.list"
    )
    assert store(scopes=frozenset()).granted == frozenset()


def test_every_change_of_the_grant_counts_the_version_up(
    runtime: Runtime, person: PersonRef, store: Callable[..., User]
) -> None:
    assert get(person).version == 1
    assert store().version == 2
    with writing() as session:
        runtime.vault.forget(session.get_one(User, person.id))
    assert get(person).version == 3


def test_forgetting_leaves_nothing_to_use(runtime: Runtime, person: PersonRef) -> None:
    with writing() as session:
        user = session.get_one(User, person.id)
        user.claim = "somebody"
        runtime.vault.forget(user)
        user.status = "revoked"
    assert_forgotten(get(person))
    assert runtime.vault.load(get(person)) is None
    assert runtime.vault.fingerprint(get(person)) is None


def test_a_fingerprint_follows_the_token_and_shows_none_of_it(
    runtime: Runtime, first: TokenSet, person: PersonRef, store: Callable[..., User]
) -> None:
    before = runtime.vault.fingerprint(get(person))
    assert before == runtime.vault.fingerprint(get(person))
    assert len(before or "") == 8
    assert (before or "") not in first.access_token
    again = store(access_token=first.access_token)
    assert runtime.vault.fingerprint(again) == before
    assert runtime.vault.fingerprint(store()) != before


def test_two_people_never_share_a_fingerprint(
    runtime: Runtime, first: TokenSet, person: PersonRef
) -> None:
    twin = join(runtime, replace(first, open_id="a-twin")).person
    assert runtime.vault.fingerprint(get(person)) != runtime.vault.fingerprint(get(twin))


def test_a_row_sealed_under_a_lost_key_is_said_to_be_unreadable(person: PersonRef) -> None:
    other = Vault([SecretStr(base64.b64encode(secrets.token_bytes(32)).decode())])
    assert other.fingerprint(get(person)) == "unreadable"
    with pytest.raises(CannotOpen):
        other.load(get(person))


def test_tokens_moved_into_another_row_do_not_open(runtime: Runtime, person: PersonRef) -> None:
    thief = join(runtime, made_up(runtime.clock(), "a-thief")).person
    with writing() as session:
        session.get_one(User, thief.id).access_token = session.get_one(User, person.id).access_token
    with pytest.raises(CannotOpen):
        runtime.vault.load(get(thief))


def test_times_come_back_aware_and_in_utc(app: Flask, first: TokenSet, person: PersonRef) -> None:
    user = get(person)
    assert user.access_expires_at == first.access_expires_at
    assert user.access_expires_at is not None
    assert user.access_expires_at.utcoffset() == timedelta(0)
