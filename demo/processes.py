"""Child processes of `python wsgi.py`: started, watched and stopped together."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

#: Seconds a child may take to stop, because it finishes its requests first.
STOPS_WITHIN = 35


@dataclass(frozen=True)
class Process:
    """A running process and its name in messages."""

    name: str
    process: subprocess.Popen[str]


class Processes:
    """All child processes; leaving the block stops every one of them."""

    def __init__(self, folder: Path) -> None:
        """Run them in `folder`."""
        self._folder = folder
        self._running: list[Process] = []

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_failure: object) -> None:
        for child in reversed(self._running):
            if child.process.poll() is None:
                child.process.terminate()
        end = time.monotonic() + STOPS_WITHIN
        for child in self._running:
            try:
                child.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()

    def start(
        self,
        name: str,
        words: Sequence[str],
        environ: Mapping[str, str],
        *,
        stdout: int | None = None,
        stderr: IO[str] | None = None,
    ) -> subprocess.Popen[str]:
        """Start a process in its own group: Ctrl-C reaches only us, and we stop the others."""
        process = subprocess.Popen(  # noqa: S603  this program's own words, never input
            words,
            cwd=self._folder,
            env=dict(environ),
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,
        )
        self._running.append(Process(name, process))
        return process

    def first_ended(self) -> Process | None:
        """Return a child that has ended, if any has."""
        return next((each for each in self._running if each.process.poll() is not None), None)

    def wait(self) -> Process:
        """Wait until a child ends and return it."""
        while (ended := self.first_ended()) is None:
            time.sleep(0.2)
        return ended
