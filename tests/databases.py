"""A PostgreSQL server of our own for the tests; never touches one that serves anybody else."""

import getpass
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from tests.processes import Process, plain_environment, reserved_port, running

#: What only safety on power loss needs is off: the data lives for one test run.
QUICK = (
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"),
    # It may lie in memory, and there is one for each of pytest's workers.
    *("min_wal_size=32MB", "max_wal_size=64MB"),
)
#: Where files lie in memory, and how many bytes must be free there before a server may.
MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # noqa: S108  # mkdtemp makes the folder


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server on which the tests may make and drop databases."""

    #: URL of a database that exists, with a user who may create others.
    admin: URL
    #: A connection to it that stays open, for a server of our own; else each statement opens one.
    staying: psycopg.Connection | None = None
    #: How a database is copied; "" leaves it to the server.
    strategy: str = ""

    def create(self, template: URL | None = None) -> URL:
        """Make a database with a name of its own (a copy of `template`) and return its URL.

        Raises psycopg.errors.ObjectInUse if someone is connected to the template.
        """
        name = f"coatcheck_{secrets.token_hex(6)}"
        self._copy(name, (template and template.database) or "template0")
        return self.admin.set(database=name)

    def refill(self, url: URL, template: URL) -> None:
        """Replace the database of `url` by a copy of `template`. Raises as `create` does."""
        self.drop(url)
        self._copy(url.database or "", template.database or "")

    def drop(self, url: URL) -> None:
        """Drop the database of `url`, even while someone is connected to it."""
        self._run("DROP DATABASE IF EXISTS {} WITH (FORCE)", url.database or "")

    def _copy(self, name: str, source: str) -> None:
        self._run(f"CREATE DATABASE {{}} TEMPLATE {{}} {self.strategy}", name, source)

    def _run(self, statement: str, *names: str) -> None:
        composed = sql.SQL(statement).format(*map(sql.Identifier, names))
        if self.staying is not None:
            self.staying.execute(composed)
            return
        where = self.admin.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(where, autocommit=True) as connection:
            connection.execute(composed)


def find_postgres() -> Path | None:
    """Return the folder of the newest server's programs: Debian's place first, then PATH."""
    debian = Path("/usr/lib/postgresql")
    versions = sorted(debian.glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]), reverse=True)
    on_path = shutil.which("initdb")
    found = [*versions, *([Path(on_path).resolve()] if on_path else [])]
    return found[0].parent if found else None


def given_server() -> Postgres | None:
    """Return the server of TEST_DATABASE_URL, if that is set."""
    url = os.environ.get("TEST_DATABASE_URL")
    return Postgres(make_url(url).set(drivername="postgresql+psycopg")) if url else None


def in_memory() -> Path | None:
    """Return MEMORY where it has room: a database is made there in a third of the time."""
    roomy = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    return MEMORY if roomy else None


@contextmanager
def postgres(
    programs: Path, options: Sequence[str] = QUICK, within: Path | None = None
) -> Iterator[Postgres]:
    """Run a fresh server from `programs` on loopback until the block ends.

    Its files lie in a folder of its own `within` that one, else in the usual temporary place.
    """
    # Not under pytest's folder: that is closed to the account the server must run as,
    # and too long for the name of a unix socket.
    folder = Path(tempfile.mkdtemp(prefix="coatcheck-postgres-", dir=within))
    # The server refuses to run as root; Debian's package brings the account `postgres`.
    user = "postgres" if os.geteuid() == 0 else None
    try:
        if user:
            shutil.chown(folder, user, user)
        _initialise(programs, folder, user)
        with (
            reserved_port() as port,
            running(_start(programs, folder, port, user, options), sign=signal.SIGINT),
        ):
            admin = URL.create(
                "postgresql+psycopg", "coatcheck", None, "127.0.0.1", port, "postgres"
            )
            where = admin.set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(where, autocommit=True) as staying:
                yield Postgres(admin, staying, _copying(staying, options))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copying(connection: psycopg.Connection, options: Sequence[str]) -> str:
    """Return how to copy a database: file by file is half the work if no disk is waited for."""
    known = connection.info.server_version >= 15_00_00
    return "STRATEGY FILE_COPY" if known and "fsync=off" in options else ""


def _initialise(programs: Path, folder: Path, user: str | None) -> None:
    made = subprocess.run(
        [str(programs / "initdb"), "--pgdata", str(folder / "data"), "--username", "coatcheck"]
        + ["--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"],
        env=plain_environment(),
        cwd=folder,
        user=user,
        group=user,
        extra_groups=[] if user else None,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if made.returncode:
        raise AssertionError(f"initdb as {user or getpass.getuser()} failed:\n{made.stderr}")


def _start(
    programs: Path, folder: Path, port: int, user: str | None, options: Sequence[str]
) -> Process:
    settings = (*options, "listen_addresses=127.0.0.1", f"unix_socket_directories={folder}")
    args = [str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port)]
    for setting in settings:
        args += ["-c", setting]
    server = Process(args, folder / "log", env=plain_environment(), cwd=folder, user=user)

    def answers() -> bool | None:
        with suppress(psycopg.OperationalError):
            psycopg.connect(f"postgresql://coatcheck@127.0.0.1:{port}/postgres").close()
            return True
        return None

    try:
        server.wait_for(answers, 30)
    except BaseException:
        server.kill()
        raise
    return server
