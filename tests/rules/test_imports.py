"""The import contracts hold, and each of them finds a planted import."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.processes import ROOT, plain_environment

LINT = (
    "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
)


APP = "The layers of the app"
SERVICES = "The layers of the services"
VIEWS = "The layers of the views"
PAST = "Views and commands never reach past the services"
CALLS = "Services and models import no web framework and make no calls"
VAULT = "Only services.vault encrypts and decrypts tokens"
TIKTOK = "Only services and the callback know TikTok's OAuth"
SANDBOX = "The app and the sandbox never meet"
DEMO = "The app never imports the demo"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter in `folder`, with the contracts of its pyproject.toml."""
    env = plain_environment() | {"PYTHONPATH": str(folder)}
    args = [sys.executable, "-c", LINT]
    return subprocess.run(args, cwd=folder, env=env, capture_output=True, text=True, timeout=60)


#: File → what is planted in it, and the contract that must find it.
OFFENCES = (
    ("webapp/models/__init__.py", "import webapp.services", APP),
    ("webapp/tiktok/__init__.py", "import webapp.models", APP),
    ("webapp/clock.py", "import webapp.settings", APP),
    ("webapp/problems.py", "import webapp.settings", APP),
    ("webapp/services/vault.py", "import webapp.services.people", SERVICES),
    ("webapp/services/records/audit.py", "import webapp.services.connect.connect", SERVICES),
    ("webapp/services/connect/connect.py", "import webapp.services.operators.bulk", SERVICES),
    (
        "webapp/services/operators/bulk.py",
        "import webapp.services.maintenance.health",
        SERVICES,
    ),
    ("webapp/services/maintenance/health.py", "import webapp.services.worker.worker", SERVICES),
    ("webapp/views/http/guards.py", "import webapp.views.people.home", VIEWS),
    ("webapp/views/people/home.py", "import webapp.views.operators.keys", VIEWS),
    ("webapp/views/api/tokens.py", "import webapp.views.people.home", VIEWS),
    ("webapp/views/people/home.py", "import webapp.models", PAST),
    ("webapp/cli/keys.py", "import sqlalchemy", PAST),
    ("webapp/services/__init__.py", "from flask import g", CALLS),
    ("webapp/models/__init__.py", "import requests", CALLS),
    ("webapp/services/maintenance/health.py", "import webapp.http_client.connection", CALLS),
    ("webapp/services/maintenance/health.py", "import webapp.crypto", VAULT),
    ("webapp/views/people/home.py", "import webapp.tiktok", TIKTOK),
    ("webapp/app.py", "import sandbox", SANDBOX),
    ("sandbox/__init__.py", "import webapp", SANDBOX),
    ("webapp/app.py", "import demo.start", DEMO),
    ("sandbox/app.py", "import demo.crowd", DEMO),
)


def copy(folder: Path) -> None:
    """Copy the code to `folder`, to plant offences in."""
    for program in ("webapp", "sandbox", "demo"):
        shutil.copytree(
            ROOT / program, folder / program, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "pyproject.toml", folder)


def name(path: str) -> str:
    """Return the dotted name of the module in a file."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(statement: str) -> str:
    """Return what a planted statement imports."""
    return statement.split()[1]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Contract → what import-linter says against it, with every offence planted together."""
    folder = tmp_path_factory.mktemp("offences")
    copy(folder)
    for path, statement, _contract in OFFENCES:
        with (folder / path).open("a", encoding="utf-8") as file:
            file.write(f"\n{statement}\n")
    run = lint(folder)
    assert run.returncode == 1, run.stdout + run.stderr
    verdicts, _heading, details = run.stdout.partition("Broken contracts")
    said = dict(re.findall(r"^([A-Z].*)\n-+\n((?:.*\n)*?)(?=\n[A-Z].*\n-+\n|\Z)", details, re.M))
    return {each: said[each] for each in said if f"{each} BROKEN" in verdicts}


def test_every_module_imports_only_what_it_may() -> None:
    run = lint(ROOT)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(("path", "statement", "contract"), OFFENCES)
def test_a_forbidden_import_is_found(
    broken: Mapping[str, str], path: str, statement: str, contract: str
) -> None:
    assert re.search(rf"\b{name(path)} -> {imported(statement)}\b", broken[contract])


def test_a_module_outside_every_layer_is_found(tmp_path: Path) -> None:
    copy(tmp_path)
    (tmp_path / "webapp" / "drawer.py").write_text('"""Anything."""\n', encoding="utf-8")
    run = lint(tmp_path)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "drawer" in run.stdout + run.stderr
