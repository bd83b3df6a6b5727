"""`python wsgi.py` on a bare machine: a copy of the repository, nothing configured.

tests/test_trial.py has tests of what it prints and refuses.
"""

import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.journeys import pages
from tests.processes import ROOT, Process, plain_environment, reserved_port

pytestmark = [pytest.mark.browser, pytest.mark.long]

#: The parts of a clone that a start needs; no .env, no instance folder.
PARTS = ("gunicorn.conf.py", "wsgi.py", "demo", "webapp", "sandbox", "static", "templates")
WITHIN = 60


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository in a folder of its own."""
    folder = tmp_path_factory.mktemp("machine") / "coatcheck"
    folder.mkdir()
    for name in PARTS:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def start(clone: Path, port: int, log: Path) -> Process:
    """Run the README's command on a free port, without what the tests set."""
    ours = ("PYTHONPATH", "PYTHON_DOTENV_DISABLED", "FLASK_SKIP_DOTENV")
    env = {n: v for n, v in plain_environment().items() if n not in ours} | {"PORT": str(port)}
    return Process([sys.executable, "wsgi.py"], log, env=env, cwd=clone)


def address(process: Process) -> str | None:
    """Return the printed address, or None if it isn't printed yet."""
    found = re.search(r"is at (http://127\.0\.0\.1:\d+)", process.output())
    return found.group(1) if found else None


def family(pid: int) -> list[int]:
    """Return the descendants of a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [each for child in map(int, children) for each in (child, *family(child))]


@pytest.fixture(scope="module")
def trial(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A running demo; the last test of this file stops it."""
    with reserved_port() as port:
        process = start(clone, port, tmp_path_factory.mktemp("log") / "trial.log")
        started: list[int] = []
        try:
            process.wait_for(lambda: address(process), WITHIN)
            started = family(process.pid)
            yield process
        finally:
            process.kill()
            for pid in filter(alive, started):
                os.kill(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Return True if a process still runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_bare_machine_offers_a_choice_and_connects_in_three_presses(
    trial: Process, clone: Path, page: Page
) -> None:
    effort = pages.Effort().watch(page.context)
    page.goto(f"{address(trial)}/")
    page.get_by_role("link", name="Continue with TikTok").click()
    choice = page.locator('input[type="checkbox"][name="scopes"]')
    expect(choice).to_have_count(1)
    expect(choice).not_to_be_checked()
    page.get_by_role("button", name="Continue with TikTok").click()
    page.get_by_role("button", name="Allow").click()
    pages.heading(page, "Connected")
    assert (effort.presses, effort.keys) == (3, 0)
    assert {path.name for path in clone.iterdir()} - {*PARTS, "__pycache__"} == {"instance"}


def test_its_operator_sees_people_in_every_state_that_lasts(trial: Process, page: Page) -> None:
    pages.connect(page, str(address(trial)), "mara")
    pages.heading(page, "Your account")
    pages.press(page, "Connections")
    pages.heading(page, "Connections")
    states = page.locator("tbody .tag").all_inner_texts()
    for state in ("Healthy", "Refresh failing", "Reconnect needed"):
        assert state in states
    expect(page.locator("tbody tr").filter(has_text="Søren Kjær")).to_contain_text("Disconnected")


def test_its_worker_refreshes_anyone_who_is_due_or_expired(trial: Process, page: Page) -> None:
    pages.connect(page, str(address(trial)), "mara")

    def are_healthy() -> bool | None:
        page.goto(f"{address(trial)}/operators/tokens")
        rows = [page.locator("tbody tr").filter(has_text=name) for name in ("Tomás", "Oluwaseun")]
        return all("Healthy" in row.inner_text() for row in rows) or None

    trial.wait_for(are_healthy)


def test_a_taken_port_stops_it_before_anything_is_created(
    trial: Process, clone: Path, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(clone, port, tmp_path / "log")
        assert process.wait() == 1
    (line,) = process.output().splitlines()
    assert f"Port {port} cannot be used" in line
    assert not (clone / "instance" / "demo" / str(port)).exists()


def test_ctrl_c_stops_every_process_and_is_not_a_failure(trial: Process) -> None:
    children = family(trial.pid)
    assert len(children) >= 3, "the sandbox, gunicorn and its workers"
    assert trial.stop(signal.SIGINT) == 0
    assert not [pid for pid in children if alive(pid)]
    assert "Traceback" not in trial.output()
