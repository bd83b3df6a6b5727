"""The very first start, in an empty folder, by several processes at the same moment."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests import databases
from tests.environment import complete
from tests.processes import ROOT, Process, plain_environment, reserved_port
from tests.servers import gunicorn

MIGRATING = 4
WORKERS = 4
#: What the log of a clean start never contains.
TROUBLE = ("Traceback", "locked", '"level": "error"', '"level": "critical"', "already exists")
UPGRADE = [sys.executable, "-m", "flask", "db", "upgrade"]


def migrate_concurrently(env: dict[str, str], folder: Path) -> str:
    """Run `flask db upgrade` in several processes at the same moment; return their output."""
    running = [
        Process(UPGRADE, folder / f"upgrade{n}.log", env=plain_environment() | env)
        for n in range(MIGRATING)
    ]
    codes = [process.wait(60) for process in running]
    said = "\n".join(process.output() for process in running)
    assert codes == [0] * MIGRATING, said
    return said


def first_start(env: dict[str, str], folder: Path) -> None:
    """Go through one first start and check that nothing went wrong in any process."""
    said = migrate_concurrently(env, folder)
    # Leaving the block checks that it ends with exit code 0.
    with gunicorn(env, folder, workers=WORKERS, ready="/readyz") as server:
        assert server.get("/connect").status_code == 200
    said += server.log()
    assert said.count("Booting worker with pid") == WORKERS
    assert not [word for word in TROUBLE if word in said], said
    assert said.count("Running upgrade  -> 0001") == 1


def rounds(folder: Path, number: int) -> None:
    """Go through this many first starts on SQLite, each in an empty folder of its own."""
    for turn in range(number):
        here = folder / str(turn)
        here.mkdir()
        database = here / "instance" / "app.db"
        with reserved_port() as port:
            first_start(complete(f"sqlite:///{database}", port), here)
        modes = {path.name: path.stat().st_mode & 0o777 for path in database.parent.iterdir()}
        assert modes
        assert set(modes.values()) == {0o600}, modes
        assert database.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.long
@pytest.mark.timeout(900)
def test_twenty_first_starts_are_clean(tmp_path: Path) -> None:
    rounds(tmp_path, 20)


@pytest.mark.postgres
@pytest.mark.long
def test_a_first_start_on_postgresql_is_clean(
    postgres_server: databases.Postgres, tmp_path: Path
) -> None:
    url = postgres_server.create()
    with reserved_port() as port:
        first_start(complete(url.render_as_string(hide_password=False), port), tmp_path)
    postgres_server.drop(url)


@pytest.mark.long
@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_the_files_are_private_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    database = tmp_path / "deep" / "instance" / "app.db"
    env = plain_environment() | complete(f"sqlite:///{database}", 8000)
    subprocess.run(UPGRADE, env=env, cwd=ROOT, umask=umask, check=True, capture_output=True)
    log = database.with_name("app.db-wal")
    assert not log.exists(), "a copy of the file would lack what is in its log"
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        connection.execute(text("SELECT count(*) FROM users"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in database.parent.iterdir()}
    engine.dispose()
    assert {"app.db", "app.db-wal", "app.db-shm"} <= modes.keys()
    assert set(modes.values()) == {0o600}
    assert database.parent.stat().st_mode & 0o777 == 0o700
