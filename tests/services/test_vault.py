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
from webapp.services.house import House
from webapp.services.people import get
from webapp.services.vault import CannotOpen, Vault
from webapp.tokens import TokenSet

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def first(house: House) -> TokenSet:
    """The answer the person connected with."""
    return made_up(house.clock())


@pytest.fixture
def person(house: House, first: TokenSet) -> PersonRef:
    """A connected person's id."""
    return join(house, first).person


@pytest.fixture
def store(house: House, person: PersonRef) -> Callable[..., User]:
    """A function that puts one more answer into the row, with some fields changed."""

    def put(**changes: object) -> User:
        with writing() as session:
            user = session.get_one(User, person.id)
            house.vault.store(user, made_up(house.clock(), **changes), house.clock())
        return get(person)

    return put


def test_the_row_holds_no_token_as_it_came(
    house: House, first: TokenSet, person: PersonRef
) -> None:
    user = get(person)
    for sealed in (user.access_token, user.refresh_token):
        assert str(sealed).startswith(f"v1.{house.vault.key_id}.")
    held = house.vault.load(user)
    assert held is not None
    assert (held.access_token, held.refresh_token) == (first.access_token, first.refresh_token)
    assert first.access_token not in repr(held) + repr(user)


@pytest.mark.rule(56)
def test_a_token_of_any_length_is_kept_whole(house: House, store: Callable[..., User]) -> None:
    long = "act." + "x" * 100_000
    held = house.vault.load(store(access_token=long))
    assert held is not None
    assert held.access_token == long


@pytest.mark.rule(26, 38)
@pytest.mark.parametrize("nothing", [None, ""])
def test_no_refresh_token_in_the_answer_keeps_the_old_one(
    house: House, first: TokenSet, store: Callable[..., User], nothing: str | None
) -> None:
    held = house.vault.load(store(refresh_token=nothing))
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
    house: House, person: PersonRef, store: Callable[..., User]
) -> None:
    assert get(person).version == 1
    assert store().version == 2
    with writing() as session:
        house.vault.forget(session.get_one(User, person.id))
    assert get(person).version == 3


def test_forgetting_leaves_nothing_to_use(house: House, person: PersonRef) -> None:
    with writing() as session:
        user = session.get_one(User, person.id)
        user.claim = "somebody"
        house.vault.forget(user)
        user.status = "revoked"
    assert_forgotten(get(person))
    assert house.vault.load(get(person)) is None
    assert house.vault.fingerprint(get(person)) is None


def test_a_fingerprint_follows_the_token_and_shows_none_of_it(
    house: House, first: TokenSet, person: PersonRef, store: Callable[..., User]
) -> None:
    before = house.vault.fingerprint(get(person))
    assert before == house.vault.fingerprint(get(person))
    assert len(before or "") == 8
    assert (before or "") not in first.access_token
    again = store(access_token=first.access_token)
    assert house.vault.fingerprint(again) == before
    assert house.vault.fingerprint(store()) != before


def test_two_people_never_share_a_fingerprint(
    house: House, first: TokenSet, person: PersonRef
) -> None:
    twin = join(house, replace(first, open_id="a-twin")).person
    assert house.vault.fingerprint(get(person)) != house.vault.fingerprint(get(twin))


def test_a_row_sealed_under_a_lost_key_is_said_to_be_unreadable(person: PersonRef) -> None:
    other = Vault([SecretStr(base64.b64encode(secrets.token_bytes(32)).decode())])
    assert other.fingerprint(get(person)) == "unreadable"
    with pytest.raises(CannotOpen):
        other.load(get(person))


def test_tokens_moved_into_another_row_do_not_open(house: House, person: PersonRef) -> None:
    thief = join(house, made_up(house.clock(), "a-thief")).person
    with writing() as session:
        session.get_one(User, thief.id).access_token = session.get_one(User, person.id).access_token
    with pytest.raises(CannotOpen):
        house.vault.load(get(thief))


def test_times_come_back_aware_and_in_utc(app: Flask, first: TokenSet, person: PersonRef) -> None:
    user = get(person)
    assert user.access_expires_at == first.access_expires_at
    assert user.access_expires_at is not None
    assert user.access_expires_at.utcoffset() == timedelta(0)
