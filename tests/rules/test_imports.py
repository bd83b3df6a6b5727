"""Who may import whom holds, and each contract is shown to bite on a planted import."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, plain_environment

LINT = (
    "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
)


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter in `folder`, with the contracts of its pyproject.toml."""
    env = plain_environment() | {"PYTHONPATH": str(folder)}
    args = [sys.executable, "-c", LINT]
    return subprocess.run(args, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the code, free to be spoilt."""
    for room in ("webapp", "sandbox"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_room_imports_only_what_it_may() -> None:
    run = lint(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("room", "planted", "contract"),
    [
        ("webapp/models/__init__.py", "import webapp.services", "The layers of the runtime"),
        ("webapp/tiktok/__init__.py", "import webapp.models", "The layers of the runtime"),
        ("webapp/clock.py", "import webapp.settings", "The layers of the runtime"),
        (
            "webapp/views/people/home.py",
            "import webapp.models",
            "Doors never reach past the services",
        ),
        ("webapp/cli.py", "import sqlalchemy", "Doors never reach past the services"),
        (
            "webapp/services/__init__.py",
            "from flask import g",
            "Services and models know no web framework and make no calls",
        ),
        (
            "webapp/models/__init__.py",
            "import requests",
            "Services and models know no web framework and make no calls",
        ),
        (
            "webapp/services/maintenance/status.py",
            "import webapp.http_client.connection",
            "Services and models know no web framework and make no calls",
        ),
        (
            "webapp/services/maintenance/status.py",
            "import webapp.crypto",
            "Plain tokens meet sealed columns in services.vault alone",
        ),
        (
            "webapp/views/people/home.py",
            "import webapp.tiktok",
            "TikTok's dialect stays in its room",
        ),
        ("webapp/app.py", "import sandbox", "The app and the sandbox never meet"),
        ("sandbox/__init__.py", "import webapp", "The app and the sandbox never meet"),
    ],
)
def test_a_forbidden_import_is_told(copy: Path, room: str, planted: str, contract: str) -> None:
    with (copy / room).open("a", encoding="utf-8") as file:
        file.write(f"\n{planted}\n")
    run = lint(copy)
    assert run.returncode == 1, run.stdout + run.stderr
    assert f"{contract} BROKEN" in " ".join(run.stdout.split())


def test_a_module_outside_every_layer_is_told(copy: Path) -> None:
    (copy / "webapp" / "drawer.py").write_text('"""Anything."""\n', encoding="utf-8")
    run = lint(copy)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "drawer" in run.stdout + run.stderr
