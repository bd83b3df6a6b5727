"""The installation's own files, and what happens when files are copied and restored for real."""

import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.app import MakeApp
from tests.installation.conftest import Move
from webapp.services.installation import binding, instance_id
from webapp.services.runtime import Runtime


def test_many_that_start_at_once_get_one_id(runtime: Runtime, tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    gate, found = threading.Barrier(16), []

    def start() -> None:
        gate.wait()
        found.append(instance_id.ensure(runtime.settings, folder))

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(set(found)) == 1
    assert [path.name for path in folder.iterdir()] == [instance_id.ID_FILE]


def test_the_files_are_for_this_user_alone(runtime: Runtime, tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    instance_id.ensure(runtime.settings, folder)
    instance_id.record_generation(folder, "binding", 1)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("text", ["", "binding", "binding x", "binding 7 8", "\0\xff"])
def test_a_generation_that_cannot_be_read_counts_for_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / instance_id.GENERATION_FILE).write_bytes(text.encode("latin1"))
    assert instance_id.recorded_generation(tmp_path) == ("", 0)
    instance_id.record_generation(tmp_path, "binding", 7)
    assert instance_id.recorded_generation(tmp_path) == ("binding", 7)


def test_a_folder_copied_with_database_and_id_is_seen(
    runtime: Runtime, make_app: MakeApp, tmp_path: Path
) -> None:
    original = Path(tmp_path / "app.db")
    assert binding.mismatch(runtime) is None
    copied = tmp_path.with_name(f"{tmp_path.name}-copy")
    shutil.copytree(tmp_path, copied)
    app = make_app(INSTANCE_ID=None, DATABASE_URL=f"sqlite:///{copied / original.name}")
    with app.app_context():
        there = replace(app.extensions["coatcheck"], folder=copied)
        seen = binding.mismatch(there)
        assert seen is not None
        assert str(tmp_path) in seen.cause
        binding.adopt(there)
        assert binding.mismatch(there) is None
    assert binding.mismatch(runtime) is None
    assert instance_id.current(runtime.settings, tmp_path) != instance_id.current(
        runtime.settings, copied
    )


def test_a_backup_that_is_put_back_is_seen(
    runtime: Runtime, move_in: Move, migrated: str, tmp_path: Path
) -> None:
    database, backup = Path(migrated.removeprefix("sqlite:///")), tmp_path / "backup.db"
    assert binding.mismatch(runtime) is None
    binding.record_generation(runtime)
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    binding.record_generation(runtime)
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(database)) as back:
        source.backup(back)
    seen = binding.mismatch(move_in())
    assert seen is not None
    assert "older backup" in seen.cause


@pytest.mark.parametrize("named", [None, "made-up-instance"])
def test_a_copy_beside_the_original_is_seen(
    make_app: MakeApp, migrated: str, tmp_path: Path, named: str | None
) -> None:
    original = make_app(INSTANCE_ID=named)
    with original.app_context():
        assert binding.mismatch(original.extensions["coatcheck"]) is None
    database, copy = Path(migrated.removeprefix("sqlite:///")), tmp_path / "my copy.db"
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as made:
        source.backup(made)
    app = make_app(INSTANCE_ID=named, DATABASE_URL=f"sqlite:///{copy}")
    with app.app_context():
        there = app.extensions["coatcheck"]
        seen = binding.mismatch(there)
        assert seen is not None
        assert "under the file name app.db: this is a copy" in seen.cause
        assert "flask tokens adopt" in seen.fix
        binding.adopt(there)
        assert binding.mismatch(there) is None
        binding.record_generation(there)
        assert binding.mismatch(there) is None
    with original.app_context():
        assert binding.mismatch(original.extensions["coatcheck"]) is None
