"""What a process imports when it starts, so that no start becomes slow again unnoticed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.environment import complete
from tests.processes import ROOT, plain_environment

#: Imported when they are used: for migrating, for calling TikTok, for one command, for the demo.
LATER = (
    *("alembic", "flask_migrate", "mako"),
    *("authlib", "joserfc", "requests", "urllib3"),
    *("webapp.cli.tokens", "webapp.cli.worker", "webapp.services.worker", "demo"),
)
SHOWN = "import json, sys, wsgi; print(json.dumps(sorted(sys.modules)))"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return every module that a fresh process has after `import wsgi`, as gunicorn does it."""
    folder = tmp_path_factory.mktemp("start")
    run = subprocess.run(
        [sys.executable, "-c", SHOWN],
        cwd=ROOT,
        env=plain_environment() | complete(f"sqlite:///{folder}/app.db", 8000),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout))


@pytest.mark.long
@pytest.mark.parametrize("module", LATER)
def test_a_start_leaves_for_later_what_it_does_not_use(imported: set[str], module: str) -> None:
    assert "webapp.app" in imported
    assert module not in imported


@pytest.mark.long
@pytest.mark.parametrize("start", ["import wsgi", "runpy.run_path('gunicorn.conf.py')"])
def test_garbage_is_collected_again_after_the_imports(tmp_path: Path, start: str) -> None:
    seen = "print(gc.isenabled(), gc.get_freeze_count() > 0)"
    run = subprocess.run(
        [sys.executable, "-c", f"import gc, runpy; {start}; {seen}"],
        cwd=ROOT,
        env=plain_environment() | complete(f"sqlite:///{tmp_path}/app.db", 8000),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (run.returncode, run.stdout.split()) == (0, ["True", "True"]), run.stderr
