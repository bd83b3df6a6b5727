"""What `flask doctor` says about the installation's folder before anything is in it."""

from dataclasses import replace
from pathlib import Path

from webapp.services.maintenance.machine_checks import disk_check
from webapp.services.runtime import Runtime


def test_a_folder_that_is_not_made_yet_is_no_fault(runtime: Runtime, tmp_path: Path) -> None:
    check = disk_check(replace(runtime, folder=tmp_path / "instance" / "inner"))
    assert (check.verdict, check.cause) == ("ok", "there is enough space")


def test_a_folder_that_cannot_be_made_is_told_with_what_to_do(
    runtime: Runtime, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    folder = tmp_path / "file" / "instance"
    check = disk_check(replace(runtime, folder=folder))
    assert (check.verdict, check.fix) == ("warn", "create it for this user, with permissions 700")
    assert check.cause == f"{folder} doesn't exist, and this user can't create it"
