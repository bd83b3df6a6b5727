"""Whose database it is: seen at every start, told with what to do, and fixed on purpose only."""

import base64
import secrets
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.commands.people import join, row
from tests.installation.conftest import Move
from tests.servers import Sandbox
from webapp.database import db, reading, writing
from webapp.models import Installation
from webapp.services.installation import binding, instance_id
from webapp.services.refresh.on_demand import fresh_access
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")


def bound() -> Installation:
    with reading() as session:
        found = session.get(Installation, 1)
    assert found is not None
    return found


def new_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def told(runtime: Runtime) -> tuple[str, str, str]:
    found = binding.mismatch(runtime)
    assert found is not None, "nothing was seen"
    return found.name, found.cause, found.fix


def test_the_first_use_binds_and_later_ones_find_it_so(runtime: Runtime) -> None:
    assert binding.mismatch_at(db.engine, runtime.settings, runtime.folder) is None
    with reading() as session:
        assert session.get(Installation, 1) is None, "looking has bound it"
    assert binding.mismatch(runtime) is None
    first = bound()
    assert first.instance_id == instance_id.current(runtime.settings, runtime.folder)
    assert binding.mismatch(runtime) is None
    assert bound().binding == first.binding


def test_a_copy_in_another_installation_is_seen(runtime: Runtime, move_in: Move) -> None:
    assert binding.mismatch(runtime) is None
    name, cause, fix = told(move_in(INSTANCE_ID="another-instance"))
    assert name == "INSTANCE_ID"
    assert "belonged to another installation" in cause
    assert "flask tokens adopt" in fix
    assert f"INSTANCE_ID={bound().instance_id}" in fix


def test_a_copy_where_no_id_was_ever_made_is_seen_and_gets_none(
    runtime: Runtime, tmp_path: Path
) -> None:
    assert binding.mismatch(runtime) is None
    elsewhere = replace(runtime, folder=tmp_path / "elsewhere")
    assert told(elsewhere)[0] == "INSTANCE_ID"
    assert instance_id.current(elsewhere.settings, elsewhere.folder) is None


def test_hosts_with_the_same_instance_id_are_one_installation(
    move_in: Move, tmp_path: Path
) -> None:
    first = move_in(INSTANCE_ID="both-of-them")
    assert binding.mismatch(first) is None
    assert binding.mismatch(replace(first, folder=tmp_path / "another-host")) is None


def test_a_wrong_key_is_seen(runtime: Runtime, move_in: Move, sandbox: Sandbox) -> None:
    assert binding.mismatch(runtime) is None
    join(runtime, sandbox, "mara")
    name, cause, fix = told(move_in(TOKEN_KEYS=new_key()))
    assert name == "TOKEN_KEYS"
    assert runtime.vault.key_id in cause
    assert "TOKEN_KEYS=new,old" in fix


def test_a_rotation_is_no_mismatch_and_leads_on_to_the_new_key(
    runtime: Runtime, move_in: Move, env: dict[str, str], sandbox: Sandbox
) -> None:
    assert binding.mismatch(runtime) is None
    join(runtime, sandbox, "mara")
    new = new_key()
    both = move_in(TOKEN_KEYS=f"{new},{env['TOKEN_KEYS']}")
    assert binding.mismatch(both) is None
    assert bound().key_id == both.vault.key_id
    assert binding.mismatch(move_in(TOKEN_KEYS=new)) is None
    assert told(move_in())[0] == "TOKEN_KEYS", "a process with the former key alone goes on"


@pytest.mark.rule(53)
def test_a_changed_client_key_is_seen(runtime: Runtime, move_in: Move, sandbox: Sandbox) -> None:
    assert binding.mismatch(runtime) is None
    join(runtime, sandbox, "mara")
    name, _cause, fix = told(move_in(TIKTOK_CLIENT_KEY="another-app"))
    assert name == "TIKTOK_CLIENT_KEY"
    assert "flask tokens adopt" in fix


def test_until_someone_has_connected_keys_and_app_may_be_corrected(
    runtime: Runtime, move_in: Move, sandbox: Sandbox
) -> None:
    """After `flask db upgrade`, `flask doctor` says that TikTok rejects the client key."""
    assert binding.mismatch(runtime) is None
    corrected = move_in(TOKEN_KEYS=new_key(), TIKTOK_CLIENT_KEY="corrected")
    looked = binding.mismatch_at(db.engine, corrected.settings, corrected.folder)
    assert (looked, binding.mismatch(corrected)) == (None, None)
    assert (bound().key_id, bound().client_key) == (corrected.vault.key_id, "corrected")
    join(corrected, sandbox, "mara")
    assert binding.mismatch(corrected) is None
    assert told(runtime)[0] == "TOKEN_KEYS"


def test_a_start_binds_once_and_then_only_looks(runtime: Runtime, move_in: Move) -> None:
    now = runtime.clock()
    assert binding.bind_at(db.engine, runtime.settings, runtime.folder, now) is None
    first = bound().binding
    assert binding.bind_at(db.engine, runtime.settings, runtime.folder, now) is None
    assert binding.mismatch(runtime) is None
    assert bound().binding == first
    other = move_in(INSTANCE_ID="another-instance")
    seen = binding.bind_at(db.engine, other.settings, other.folder, now)
    assert seen is not None
    assert seen.name == "INSTANCE_ID"


def test_a_database_that_went_back_in_time_is_seen(runtime: Runtime) -> None:
    assert binding.mismatch(runtime) is None
    for _worker_start in range(3):
        binding.record_generation(runtime)
    assert binding.mismatch(runtime) is None
    restore(generation=1)
    name, cause, _mend = told(runtime)
    assert name == "DATABASE_URL"
    assert "older backup" in cause


def test_another_host_that_is_behind_sees_no_time_travel(runtime: Runtime, tmp_path: Path) -> None:
    other = replace(
        runtime,
        folder=tmp_path / "another-host",
        settings=runtime.settings.model_copy(update={"instance_id": "both-of-them"}),
    )
    runtime = replace(runtime, settings=other.settings)
    assert binding.mismatch(runtime) is None
    binding.record_generation(other)
    for _hour in range(5):
        binding.record_generation(runtime)
    assert binding.mismatch(other) is None
    assert binding.mismatch(runtime) is None


def test_a_worker_that_starts_meanwhile_is_no_time_travel(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service got a 503: the row was read, a worker started, and the file was ahead of it."""
    assert binding.mismatch(runtime) is None
    read = instance_id.recorded_generation

    def as_workers_start(folder: Path) -> tuple[str, int]:
        binding.record_generation(runtime)
        found = read(folder)
        binding.record_generation(runtime)
        return found

    monkeypatch.setattr(instance_id, "recorded_generation", as_workers_start)
    assert binding.mismatch(runtime) is None
    assert binding.mismatch_at(db.engine, runtime.settings, runtime.folder) is None
    assert bound().generation == 4


def test_a_generation_noted_for_another_database_counts_for_nothing(runtime: Runtime) -> None:
    instance_id.record_generation(runtime.folder, "another-binding", 99)
    assert binding.mismatch(runtime) is None
    instance_id.record_generation(runtime.folder, "another-binding", 99)
    assert binding.mismatch(runtime) is None


def test_a_database_that_was_copied_away_is_seen(runtime: Runtime) -> None:
    assert binding.mismatch(runtime) is None
    restore(moved_at=runtime.clock())
    name, cause, _mend = told(runtime)
    assert name == "DATABASE_URL"
    assert "copied to another database" in cause


@pytest.mark.parametrize("harm", ["copied", "restored", "moved", "another app"])
def test_adopting_mends_it(runtime: Runtime, move_in: Move, sandbox: Sandbox, harm: str) -> None:
    assert binding.mismatch(runtime) is None
    open_id = join(runtime, sandbox, "mara")
    binding.record_generation(runtime)
    if harm == "copied":
        runtime = move_in(INSTANCE_ID="another-instance")
    elif harm == "another app":
        runtime = move_in(TIKTOK_CLIENT_KEY="another-app")
    else:
        restore(**{"restored": {"generation": 0}, "moved": {"moved_at": runtime.clock()}}[harm])
    seen = binding.mismatch(runtime)
    assert seen is not None
    assert binding.adopt(runtime) == seen
    assert binding.mismatch(runtime) is None
    assert bound().bound_at >= runtime.clock() - timedelta(minutes=1)
    # The tokens may be spent: a refusal is then told as our doing.
    assert row(runtime, open_id).interrupted is (harm != "another app")


def test_a_folder_that_takes_no_file_is_told(runtime: Runtime, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    name, cause, fix = told(replace(runtime, folder=tmp_path / "file" / "folder"))
    assert (name, fix) == (
        "INSTANCE_ID",
        "make the folder writable, or set INSTANCE_ID",
    )
    assert "cannot be stored" in cause


def restore(**columns: object) -> None:
    """Let the binding say what it said in an older backup, or after a copy."""
    with writing() as session:
        session.execute(update(Installation).values(**columns))


def test_a_backup_from_before_the_last_refresh_is_seen_and_adopting_lifts_every_version(
    runtime: Runtime, sandbox: Sandbox
) -> None:
    """The worker's hourly count is not waited for: each refresh that is stored counts."""
    assert binding.mismatch(runtime) is None
    open_id = join(runtime, sandbox, "mara")
    binding.record_generation(runtime)
    backup = bound().generation
    fresh_access(runtime, open_id, rejected_version=1)
    version = row(runtime, open_id).version
    restore(generation=backup)
    name, cause, _mend = told(runtime)
    assert name == "DATABASE_URL"
    assert "older backup" in cause
    binding.adopt(runtime)
    assert row(runtime, open_id).version == version + binding.LIFT
