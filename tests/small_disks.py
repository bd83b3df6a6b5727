"""A disk of a few megabytes that is really full when a test fills it; nobody else sees it.

It is a tmpfs in a mount namespace of its own, which ends with the process that holds it. Without
root, a user namespace lets the tests mount it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.missing import missing
from tests.processes import ROOT, Process, plain_environment, running

#: In the namespace, what containers often have: hardly any shared memory.
NO_MEMORY = "mount -t tmpfs -o size=64k none /dev/shm && "


@dataclass(frozen=True)
class SmallDisk:
    """The disk: where programs find it, and where the test does."""

    #: The folder, for programs that run `within`.
    path: Path
    #: Words that run a command where the disk is mounted.
    within: tuple[str, ...]
    #: The same folder for the test, which is not in the namespace.
    here: Path

    @property
    def database_url(self) -> str:
        """The URL of a database on the disk, for programs that run `within`."""
        return f"sqlite:///{self.path / 'instance' / 'app.db'}"

    def flask(self, env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ours there, with the database on the disk."""
        return subprocess.run(
            [*self.within, sys.executable, "-m", "flask", "--app", "wsgi", *words],
            env=plain_environment() | env | {"DATABASE_URL": self.database_url},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def fill(self) -> None:
        """Leave not one byte."""
        with (self.here / "filler").open("ab", buffering=0) as filler:
            try:
                while True:
                    filler.write(bytes(4096))
            except OSError:
                assert not shutil.disk_usage(self.here).free

    def make_room(self) -> None:
        """Free what was filled."""
        (self.here / "filler").unlink()

    def files(self) -> set[str]:
        """Return the names of all files on the disk, in any folder."""
        return {path.name for path in self.here.rglob("*") if path.is_file()}


@contextmanager
def small_disk(folder: Path, *, memory: bool = True) -> Iterator[SmallDisk]:
    """Mount a disk of 4 MB until the block ends; not `memory`: hide the folder in memory there."""
    path = folder / "disk"
    path.mkdir()
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    mounted = f"mount -t tmpfs -o size=4m none {path} && cd {path} && mkdir -m 700 instance tmp"
    holds = f"{'' if memory else NO_MEMORY}{mounted} && echo mounted && exec sleep infinity"
    args = ["unshare", *user, "--mount", "sh", "-c", holds]
    with running(Process(args, folder / "disk.log", env=plain_environment())) as holder:
        try:
            holder.wait_for(lambda: "mounted" in holder.output() or None, 5)
        except AssertionError:
            missing("no small disk can be mounted here")
        inside = ["--user", "--preserve-credentials"] if user else []
        target = ["nsenter", f"--target={holder.pid}", *inside, "--mount"]
        yield SmallDisk(
            path,
            (*target, "env", f"--chdir={ROOT}"),
            Path(f"/proc/{holder.pid}/root{path}"),
        )
        holder.kill()
