"""DATABASE_URL names PostgreSQL but its driver is missing: every start says what to install."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.commands.terminal import FLASK
from tests.environment import complete
from tests.processes import ROOT, plain_environment, reserved_port

#: Each starts a process of its own.
pytestmark = pytest.mark.long

FIX = "pip install -r requirements-postgres.txt"
#: How a module is missing: not installed, or installed without the library that it needs.
ABSENT = {"sitecustomize.py": "import sys\nsys.modules['psycopg'] = None\n"}
BROKEN = {"psycopg/__init__.py": "raise ImportError('no pq wrapper available')\n"}


def run(
    folder: Path, files: Mapping[str, str], *args: str, code: int
) -> subprocess.CompletedProcess[str]:
    """Run a program that can't import psycopg, with PostgreSQL in its settings."""
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    with reserved_port() as port:
        env = complete("postgresql://me:made-up-pass@127.0.0.1:9/app", port)
        done = subprocess.run(
            args,
            cwd=ROOT,
            env=plain_environment() | env | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"},
            capture_output=True,
            text=True,
            timeout=60,
        )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    assert "made-up-pass" not in said
    assert said.count("made-up") == 0
    return done


@pytest.mark.parametrize(
    "files",
    [pytest.param(ABSENT, id="absent"), pytest.param(BROKEN, id="broken")],
)
@pytest.mark.parametrize(
    ("args", "code"),
    [
        ((sys.executable, "wsgi.py"), 78),
        ((sys.executable, "-m", "gunicorn", "wsgi:app"), 78),
        ((*FLASK, "db", "upgrade"), 1),
        ((*FLASK, "tokens", "run"), 1),
    ],
    ids=["trial", "gunicorn", "upgrade", "worker"],
)
def test_each_start_names_the_file_to_install(
    tmp_path: Path, files: Mapping[str, str], args: tuple[str, ...], code: int
) -> None:
    said = run(tmp_path, files, *args, code=code).stderr
    assert said.count(f"DATABASE_URL – needs the package psycopg\n      fix: {FIX}\n") == 1


@pytest.mark.parametrize("files", [ABSENT, BROKEN], ids=["absent", "broken"])
def test_the_doctor_still_runs(tmp_path: Path, files: Mapping[str, str]) -> None:
    lines = run(tmp_path, files, *FLASK, "doctor", code=1).stdout.splitlines()
    assert f"FAIL DATABASE_URL – needs the package psycopg – {FIX}" in lines
    assert "ok   SECRET_KEY – is set" in lines
