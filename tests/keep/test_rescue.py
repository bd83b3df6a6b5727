"""The rescue file: the last resort for an answer; sealed, and replayed as often as one likes."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tests.keep.test_landing import answers, landed
from tests.keep.trouble import out_of_reach
from tests.keep.world import World
from tests.services.crowd import at_once
from webapp.services.connect import disconnect
from webapp.services.refresh import claims, rescue_file
from webapp.services.refresh.on_demand import fresh_access
from webapp.services.refresh.rescue_file import Replayed
from webapp.services.refresh.verdicts import Result
from webapp.services.worker.worker import Worker
from webapp.tokens import TokenSet

pytestmark = [pytest.mark.usefixtures("each_database"), pytest.mark.rule(32)]


@pytest.fixture
def rescued(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    """Six answers that the database did not take in time; it is back now."""
    results = answers(world, 6)
    with monkeypatch.context() as patched, out_of_reach(world.runtime, patched):
        assert landed(world, results, patience=0) == [True] * 6
    return results


def lines(path: Path) -> list[bytes]:
    """Return what stands in a file, without empty lines."""
    return [line for line in path.read_bytes().splitlines() if line]


@pytest.mark.usefixtures("rescued")
def test_what_the_database_did_not_take_is_replayed_once(world: World) -> None:
    assert len(lines(world.runtime.rescue_file)) == 6
    assert rescue_file.replay(world.runtime) == Replayed(stored=6, outdated=0, unreadable=0)
    assert not rescue_file.has_answers(world.runtime)
    world.assert_in_step(living=6)
    assert rescue_file.replay(world.runtime) == Replayed(0, 0, 0)
    world.assert_in_step(living=6)


def test_the_file_is_closed_to_others_and_holds_no_plain_token(
    world: World, rescued: list[Result]
) -> None:
    path = world.runtime.rescue_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    for result in rescued:
        assert isinstance(result.answer, TokenSet)
        assert result.answer.access_token not in text
        assert str(result.answer.refresh_token) not in text


@pytest.mark.usefixtures("rescued")
def test_a_crash_between_the_commit_and_the_end_of_the_file_does_no_harm(world: World) -> None:
    kept = world.runtime.rescue_file.read_bytes()
    rescue_file.replay(world.runtime)
    world.runtime.rescue_file.with_name(f"{world.runtime.rescue_file.name}.1.2").write_bytes(kept)
    assert rescue_file.has_answers(world.runtime)
    assert rescue_file.replay(world.runtime) == Replayed(stored=0, outdated=6, unreadable=0)
    world.assert_in_step(living=6)


def test_a_line_that_was_cut_off_costs_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a line is what a full disk or lost power leaves; the next one stands by itself."""
    *others, cut, after = answers(world, 6)
    path = world.runtime.rescue_file
    with out_of_reach(world.runtime, monkeypatch):
        landed(world, [*others, cut], patience=0)
        path.write_bytes(path.read_bytes()[:-80])
        landed(world, [after], patience=0)
    assert rescue_file.replay(world.runtime) == Replayed(stored=5, outdated=0, unreadable=1)
    lost = world.row(cut.claim.user.open_id)
    assert lost.version == 1
    world.change(lost.open_id, status="reconnect")
    world.assert_in_step(living=5)


@pytest.mark.usefixtures("rescued")
def test_lines_that_are_none_of_ours_are_counted_and_left_out(world: World) -> None:
    path = world.runtime.rescue_file
    first = json.loads(lines(path)[0])
    strange: list[object] = [
        "text", 7, None, [], {}, {**first, "version": "1"}, {**first, "status": "revoked"},
        {**first, "refreshed_at": "yesterday"}, {**first, "access_expires_at": "2026-01-01"},
    ]  # fmt: skip
    more = b"".join(json.dumps(each).encode() + b"\n" for each in strange)
    path.write_bytes(b"\xff\xfe{\n" + more + path.read_bytes())
    assert rescue_file.replay(world.runtime) == Replayed(stored=6, outdated=0, unreadable=10)
    world.assert_in_step(living=6)


@pytest.mark.parametrize("before", [0, 1])
def test_an_answer_that_does_not_fit_on_the_disk_leaves_no_part_and_no_empty_file(
    world: World, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    path = world.runtime.rescue_file
    first, second = answers(world, 2)
    append = partial(rescue_file.append, world.runtime)

    def store(result: Result) -> None:
        assert isinstance(result.answer, TokenSet)
        user = result.claim.user
        append(user.ref, user.open_id, user.version, result.answer, result.received_at)

    for result in [first][:before]:
        store(result)
    kept = path.read_bytes() if before else b""
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda file, line: write(file, line[:20]))
        with pytest.raises(OSError, match="No space left"):
            store(second)
    assert (path.read_bytes() if path.exists() else b"") == kept
    assert rescue_file.has_answers(world.runtime) is bool(before)
    store(second)
    assert rescue_file.replay(world.runtime).stored == before + 1


def test_a_newer_grant_is_not_overwritten_by_a_rescued_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person connected again before the file was replayed, and one has left."""
    world.person("jo")
    left = world.row(world.person("mara"))
    world.make_due()
    claimed = claims.claim_due(world.runtime, 2, world.clock())
    results = [Result(c, world.runtime.provider.refresh(held(c)), world.clock()) for c in claimed]
    with monkeypatch.context() as patched, out_of_reach(world.runtime, patched):
        landed(world, results, patience=0)
    world.person("jo")
    disconnect.delete_person(world.runtime, left.ref)
    assert rescue_file.replay(world.runtime) == Replayed(stored=0, outdated=2, unreadable=0)
    world.assert_in_step(living=1)


def held(claim: claims.Claim) -> str:
    """Return the plain refresh token of a claim."""
    assert claim.held is not None
    return str(claim.held.refresh_token)


@pytest.mark.usefixtures("rescued")
def test_a_worker_replays_before_it_sends_a_spent_token_again(world: World) -> None:
    world.clock.advance(claims.LEASE)
    Worker(world.runtime, world.app.app_context).run(once=True)
    assert world.calls() == 6
    world.assert_in_step(living=6)


def test_a_caller_replays_before_it_sends_a_spent_token_again(
    world: World, rescued: list[Result]
) -> None:
    world.clock.advance(claims.LEASE)
    access = fresh_access(world.runtime, rescued[0].claim.user.open_id, rejected_version=1)
    assert (access.version, world.calls()) == (2, 6)
    world.assert_in_step(living=6)


@pytest.mark.usefixtures("rescued")
def test_four_who_replay_at_once_store_each_answer_once(world: World) -> None:
    done = at_once(world.app, 4, lambda _number: rescue_file.replay(world.runtime))
    assert all(isinstance(each, Replayed) for each in done), done
    assert sum(each.stored for each in done if isinstance(each, Replayed)) == 6
    assert not rescue_file.has_answers(world.runtime)
    world.assert_in_step(living=6)


def test_what_is_rescued_during_a_replay_is_replayed_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = answers(world, 40)
    with out_of_reach(world.runtime, monkeypatch):
        landed(world, results[:1], patience=0)

    def append(result: Result) -> None:
        assert isinstance(result.answer, TokenSet)
        claim = result.claim
        rescue_file.append(
            *(world.runtime, claim.user.ref, claim.user.open_id, claim.user.version),
            *(result.answer, result.received_at),
        )

    with ThreadPoolExecutor(4) as pool:
        appending = [pool.submit(append, result) for result in results[1:]]
        while not all(each.done() for each in appending):
            rescue_file.replay(world.runtime)
    rescue_file.replay(world.runtime)
    world.assert_in_step(living=40)


def test_after_a_restored_backup_the_line_of_a_later_version_is_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is as it was before two refreshes; the file has the only token that still works."""
    open_id = world.person()
    backup = world.row(open_id)
    for minutes in (10, 20):
        world.clock.advance(minutes=minutes)
        world.make_due()
        if minutes == 10:
            world.work()
    (claimed,) = claims.claim_due(world.runtime, 1, world.clock())
    result = Result(claimed, world.runtime.provider.refresh(held(claimed)), world.clock())
    with monkeypatch.context() as patched, out_of_reach(world.runtime, patched):
        landed(world, [result], patience=0)
    columns = ("access_token", "refresh_token", "version", "refreshed_at", "refreshes")
    world.change(open_id, claim=None, **{name: getattr(backup, name) for name in columns})
    assert rescue_file.replay(world.runtime) == Replayed(stored=1, outdated=0, unreadable=0)
    assert world.row(open_id).version == claimed.user.version + 1
    world.assert_in_step(living=1)


def test_the_tokens_of_somebody_who_has_disconnected_are_revoked_and_it_is_said_whose(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_id = world.person()
    row = world.row(open_id)
    world.make_due()
    (claimed,) = claims.claim_due(world.runtime, 1, world.clock())
    result = Result(claimed, world.runtime.provider.refresh(held(claimed)), world.clock())
    with monkeypatch.context() as patched, out_of_reach(world.runtime, patched):
        landed(world, [result], patience=0)
    world.clock.advance(minutes=1)
    world.change(open_id, status="revoked", version=2, access_token=None, refresh_token=None)
    replayed = rescue_file.replay(world.runtime)
    assert (replayed.stored, replayed.dropped) == (0, (row.ticket,))
    assert world.sandbox.books()[open_id]["ended"] == "revoked"


def test_two_installations_with_one_folder_have_a_file_each(world: World) -> None:
    names = set()
    for url in (
        *("sqlite:///instance/app.db", "sqlite:///instance/demo.db"),
        *("postgresql://one:pw@127.0.0.1/first", "postgresql://one:pw@127.0.0.1/second"),
        *("postgresql://one:new@127.0.0.1/second", "postgresql+psycopg://two@127.0.0.1/second"),
    ):
        settings = world.runtime.settings.model_copy(update={"database_url": url})
        names.add(replace(world.runtime, settings=settings).rescue_file.name)
    assert len(names) == 4, "user and password make no difference"


@pytest.mark.usefixtures("rescued")
def test_a_file_with_the_name_of_earlier_versions_is_replayed_as_well(world: World) -> None:
    path = world.runtime.rescue_file
    path.rename(path.with_name("rescue.jsonl"))
    assert rescue_file.replay(world.runtime) == Replayed(stored=6, outdated=0, unreadable=0)
    assert not rescue_file.has_answers(world.runtime)
