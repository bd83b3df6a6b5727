"""A start on a full disk leaves no stray file, and no file that holds half of what it should."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, plain_environment

FLASK = (sys.executable, "-m", "flask", "--app", "wsgi")
#: Makes one kind of file after the other, and says which could not be made.
MAKE = """
import pathlib, sys, types
from webapp import files
from webapp.services.installation import instance_id
folder = pathlib.Path(sys.argv[1])
nobody = types.SimpleNamespace(instance_id=None)
for make in (
    lambda: files.ensure_file(folder / "app.db"),
    lambda: instance_id.ensure(nobody, folder),
    lambda: instance_id.record_generation(folder, "c0ffee", 1234567),
):
    try:
        make()
    except OSError as error:
        print(type(error).__name__)
"""


def run_where_files_stay_small(words: list[str], env: dict[str, str], most: int) -> str:
    """Run a program that may write so many bytes to a file; return all it says."""

    def small_files_only() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    ended = subprocess.run(
        words,
        cwd=ROOT,
        # A truncated file of bytecode would break every later run.
        env=plain_environment() | env | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=small_files_only,
        check=False,
    )
    return ended.stdout + ended.stderr


@pytest.mark.parametrize("most", [0, 1, 5, 14, 512, 2048])
def test_what_does_not_fit_is_not_left_in_part(tmp_path: Path, most: int) -> None:
    said = run_where_files_stay_small([sys.executable, "-c", MAKE, str(tmp_path)], {}, most)
    assert "Traceback" not in said
    left = sorted(path.name for path in tmp_path.iterdir())
    # The two small files fit, or aren't there; the database's first page has 4,096 bytes.
    assert left == (["generation", "instance-id"] if most >= 512 else [])
    assert len(said.splitlines()) == 3 - len(left)


@pytest.mark.parametrize(
    "most",
    [pytest.param(0, marks=pytest.mark.long), 512, pytest.param(40_000, marks=pytest.mark.long)],
)
def test_an_upgrade_on_a_full_disk_says_so_and_leaves_no_stray_file(
    env: dict[str, str], tmp_path: Path, most: int
) -> None:
    file = tmp_path / "instance" / "app.db"
    said = run_where_files_stay_small(
        [*FLASK, "db", "upgrade"], env | {"DATABASE_URL": f"sqlite:///{file}"}, most
    )
    assert "Traceback" not in said
    assert "full" in said or "cannot be" in said, said
    names = {path.name for path in file.parent.iterdir()}
    assert names <= {"app.db"}
