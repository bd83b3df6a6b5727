"""`flask tokens reseal`: every row ends up under the first key, despite refreshes and kills."""

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, insert, select

from tests.commands.people import is_what_tiktok_holds, join, row
from tests.commands.terminal import command, flask, started
from tests.fixtures.app import MakeApp
from tests.servers import Sandbox
from webapp.database import reading, writing
from webapp.models import User
from webapp.services.maintenance import reseal
from webapp.services.refresh import on_demand
from webapp.services.runtime import Runtime
from webapp.services.vault import HeldTokens


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def keys(env: Mapping[str, str]) -> str:
    """TOKEN_KEYS with a new key in front of the one in use."""
    return f"{new_key()},{env['TOKEN_KEYS']}"


@pytest.fixture
def rotated(make_app: MakeApp, keys: str) -> Iterator[Runtime]:
    """The runtime of an app with the new key in front, its context open."""
    app = make_app(TOKEN_KEYS=keys)
    with app.app_context():
        yield app.extensions["coatcheck"]


def crowd(runtime: Runtime, count: int) -> None:
    """Insert many rows, each with tokens of its own."""
    sealed = [
        {
            "open_id": (open_id := f"-000crowd{number}"),
            "client_key": runtime.settings.tiktok_client_key,
            "ticket": f"ct_{number}",
            "created_at": runtime.clock(),
            "connected_at": runtime.clock(),
            "access_token": runtime.vault._seal(open_id, "access_token", f"act.{number}"),
            "refresh_token": runtime.vault._seal(open_id, "refresh_token", f"rft.{number}"),
            "interrupted": False,
            **dict.fromkeys(("scope", "asked_scope"), "user.info.basic"),
            **dict.fromkeys(("version", "failures", "refreshes"), 0),
            "status": "active",
        }
        for number in range(count)
    ]
    with writing() as session:
        session.execute(insert(User), sealed)


def held(runtime: Runtime) -> dict[str, HeldTokens | None]:
    """Return everybody's plain tokens."""
    with reading() as session:
        return {user.open_id: runtime.vault.load(user) for user in session.scalars(select(User))}


@pytest.mark.usefixtures("each_database")
def test_every_row_is_re_encrypted_and_the_old_key_can_go(
    runtime: Runtime, rotated: Runtime, make_app: MakeApp, sandbox: Sandbox, keys: str
) -> None:
    crowd(runtime, 3)
    revoked = join(runtime, sandbox, "soren", access_token=None, refresh_token=None)
    half = join(runtime, sandbox, "jo", refresh_token=None)
    before = held(runtime)
    run = command(make_app(TOKEN_KEYS=keys), "tokens", "reseal")
    assert (run.exit_code, run.stdout) == (0, "4 rows re-encrypted\n")
    alone = make_app(TOKEN_KEYS=keys.split(",")[0])
    with alone.app_context():
        assert held(alone.extensions["coatcheck"]) == before
    assert (before[revoked], row(runtime, half).version) == (None, 1)
    again = command(make_app(TOKEN_KEYS=keys), "tokens", "reseal")
    assert (again.exit_code, again.stdout) == (0, "0 rows re-encrypted\n")
    counts = json.loads(command(make_app(TOKEN_KEYS=keys), "tokens", "reseal", "--json").stdout)
    assert counts == {"resealed": 0, "closed": 0, "left": 0}


@pytest.mark.usefixtures("each_database")
def test_a_refresh_meanwhile_is_never_overwritten(
    runtime: Runtime, rotated: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd(runtime, 2)
    mara = join(runtime, sandbox, "mara")
    opened = reseal._resealed

    def refreshed_meanwhile(at: Runtime, rows: list[User]) -> list[tuple[User, dict[str, str]]]:
        found = opened(at, rows)
        if row(runtime, mara).version == 1:
            # By a process that has the former keys alone, so that a second pass is needed.
            on_demand.fresh_access(runtime, mara, pressed=True)
        return found

    monkeypatch.setattr(reseal, "_resealed", refreshed_meanwhile)
    *_steps, last = reseal.reseal_all(rotated)
    assert (last.done, last.closed) == (3, 0)
    assert row(runtime, mara).version == 2
    assert is_what_tiktok_holds(rotated, sandbox, mara)
    assert reseal.remaining(rotated) == 0


@pytest.mark.usefixtures("each_database")
def test_what_no_key_opens_is_counted_reported_and_left_alone(
    runtime: Runtime, make_app: MakeApp, rotated: Runtime, keys: str, sandbox: Sandbox
) -> None:
    crowd(runtime, 2)
    lost = runtime.vault._seal("-000nobody", "access_token", "act.moved")
    mara = join(runtime, sandbox, "mara", access_token=lost)
    run = command(make_app(TOKEN_KEYS=keys), "tokens", "reseal")
    assert run.exit_code == 1
    assert run.stdout == "2 rows re-encrypted\n"
    assert "1 rows were left unchanged: no key in TOKEN_KEYS decrypts them" in run.stderr
    assert row(runtime, mara).access_token == lost
    assert reseal.closed(rotated) == 0, "its key is here, its text is not of this row"


@pytest.mark.usefixtures("each_database")
def test_rows_under_a_key_that_is_gone_are_counted_for_the_doctor(
    runtime: Runtime, make_app: MakeApp
) -> None:
    crowd(runtime, 3)
    app = make_app(TOKEN_KEYS=new_key())
    with app.app_context():
        assert reseal.closed(app.extensions["coatcheck"]) == 3
    assert reseal.closed(runtime) == 0


@pytest.mark.long
def test_killed_midway_it_continues_where_it_was(
    runtime: Runtime, env: Mapping[str, str], rotated: Runtime, keys: str, tmp_path: Path
) -> None:
    crowd(runtime, 12_000)
    before = held(runtime)
    process = started(env | {"TOKEN_KEYS": keys}, tmp_path, "tokens", "reseal")
    process.wait_for(lambda: "Re-encrypted: " in process.output() or None)
    process.kill()
    left = reseal.remaining(rotated)
    assert 0 < left < 12_000
    assert held(rotated) == before
    run = flask(env | {"TOKEN_KEYS": keys}, "tokens", "reseal")
    assert (run.returncode, run.stdout) == (0, f"{left} rows re-encrypted\n")
    assert f"Re-encrypted: {left} of {left}" in run.stderr
    assert held(rotated) == before


@pytest.mark.rule(55)
def test_nothing_sealed_under_the_former_key_is_left_in_the_file(
    runtime: Runtime, app: Flask, make_app: MakeApp, keys: str, migrated: str
) -> None:
    crowd(runtime, 20)
    command(make_app(TOKEN_KEYS=keys), "tokens", "reseal")
    database = Path(migrated.removeprefix("sqlite:///"))
    files = [path.read_bytes() for path in database.parent.glob("app.db*")]
    assert not [file for file in files if runtime.vault.mark.encode() in file]
    with reading() as session:
        assert session.scalar(select(func.count()).select_from(User)) == 20
