"""A restore drill: the backup and the restore of docs/operate.md, command by command, for real."""

import os
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.environment import complete
from tests.journeys.http_browser import HttpBrowser
from tests.processes import ROOT, Process, plain_environment, reserved_port, running
from tests.servers import Gunicorn, Sandbox, gunicorn
from tests.walk import connect

DOCUMENT = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
#: What a checkout needs to run.
PARTS = ("webapp", "demo", "templates", "static", "wsgi.py", "gunicorn.conf.py")


def section(title: str) -> str:
    """Return the text under a heading of docs/operate.md."""
    found = re.search(rf"^## {title}\n(.+?)^## ", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found, f"docs/operate.md has no section {title}"
    return found.group(1)


def blocks(title: str) -> list[str]:
    """Return the blocks of commands in a section, in their order."""
    found = re.findall(r"^( *)```\n(.+?)^\1```$", section(title), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(commands) for _indent, commands in found]


class Installation:
    """A checkout of its own, with its settings, and a shell in its folder."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder = folder
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.env = env | {"PYTHONPATH": str(folder), "PATH": path}
        for part in PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            copy(ROOT / part, folder / part)

    def run(
        self, commands: str, given: str = "", code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run commands as one types them in this folder, until one fails."""
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", commands],
            cwd=self.folder,
            env=plain_environment() | self.env,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    @contextmanager
    def started(self) -> Iterator[Gunicorn]:
        """Run gunicorn and the worker until the block ends."""
        args = [sys.executable, "-m", "flask", "tokens", "run"]
        log = self.folder.parent / "worker.log"
        begun = log.read_text().count("worker_started") if log.exists() else 0
        worker = Process(args, log, env=plain_environment() | self.env, cwd=self.folder)
        with gunicorn(self.env, self.folder.parent, cwd=self.folder) as server, running(worker):
            worker.wait_for(lambda: worker.output().count("worker_started") > begun or None)
            yield server

    def people(self, file: str = "instance/app.db") -> dict[str, bool]:
        """Return everyone who is connected; the value is True if their token may be spent."""
        with closing(sqlite3.connect(self.folder / file)) as database:
            query = "SELECT open_id, interrupted FROM users WHERE refresh_token IS NOT NULL"
            return {open_id: bool(interrupted) for open_id, interrupted in database.execute(query)}

    def generation(self, file: str = "instance/app.db") -> int:
        """Return how often refreshes and workers have counted."""
        with closing(sqlite3.connect(self.folder / file)) as database:
            (count,) = database.execute("SELECT generation FROM installation").fetchone()
        return int(count)


@pytest.fixture
def installation(sandbox: Sandbox, tmp_path: Path) -> Iterator[Installation]:
    """A new installation with the database of the default settings."""
    (tmp_path / "coatcheck").mkdir()
    with reserved_port() as port:
        env = complete(
            "sqlite:///instance/app.db",
            port,
            tiktok_url=sandbox.url,
            client_key=sandbox.client_key,
            client_secret=sandbox.client_secret,
        )
        del env["INSTANCE_ID"]
        yield Installation(tmp_path / "coatcheck", env)


def connected(server: Gunicorn, person: str) -> None:
    """Connect a person as their browser does."""
    answer = connect(HttpBrowser(server.url), person)  # type: ignore[arg-type]  # walks like a client
    assert answer.status_code == 303


@pytest.mark.long
def test_the_documented_backup_brings_back_the_documented_restore(
    installation: Installation, sandbox: Sandbox
) -> None:
    mara, tomas = sandbox.open_id("mara"), sandbox.open_id("tomas")
    (backup,) = blocks("Backups")
    put_back, update, adopt = blocks("Restore a backup")
    assert backup.splitlines()[0] == put_back.splitlines()[0] == "umask 077"
    installation.run("flask db upgrade")

    with installation.started() as server:
        connected(server, "mara")
        installation.run(backup)
        connected(server, "tomas")
        installation.run(f"flask tokens refresh {mara}")
    copy = installation.folder / "copy.db"
    assert installation.generation() > installation.generation("copy.db")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert installation.people("copy.db") == {mara: False}

    installation.run(put_back)
    database = installation.folder / "instance" / "app.db"
    assert stat.S_IMODE(database.stat().st_mode) == 0o600
    assert "this is an older backup of the database" in installation.run(update).stderr
    doctor = installation.run("flask doctor", code=1).stdout
    assert "FAIL installation – this is an older backup" in doctor
    calls = sandbox.calls("token")
    installation.run(f"flask tokens refresh {mara}", code=1)
    assert sandbox.calls("token") == calls, "a token of the backup was sent before it was adopted"
    installation.run(adopt, given="y\n")

    assert "FAIL" not in installation.run("flask doctor").stdout
    # A refusal of her spent token will be told as ours.
    assert installation.people() == {mara: True}
    with installation.started() as server:
        for person in ("mara", "tomas"):
            connected(server, person)
        assert installation.people() == {mara: False, tomas: False}
        installation.run(f"flask tokens refresh {mara}")
        assert server.get("/readyz").json()["status"] == "ok"


def test_every_command_of_the_sections_is_in_a_block_that_the_drill_runs() -> None:
    inline = re.findall(r"`(flask [^`]+)`", section("Backups") + section("Restore a backup"))
    assert inline == ["flask doctor"]
