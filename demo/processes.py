"""Child processes of a trial on this machine: started, watched, ended together."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

#: How long a child may take to end by itself, in seconds; requests in flight are finished first.
ENDS_WITHIN = 35


@dataclass(frozen=True)
class Process:
    """One running process and what people call it."""

    name: str
    process: subprocess.Popen[str]


class Processes:
    """All processes of one trial; leaving the block ends every one of them."""

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
        end = time.monotonic() + ENDS_WITHIN
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
        """Start a process of ours.

        Its group is its own: Ctrl-C reaches only us, and we end all in good order.
        """
        # The words are this program's own, never anybody's input.
        process = subprocess.Popen(  # noqa: S603
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

    def first_dead(self) -> Process | None:
        """Return a child that has ended, if one has."""
        return next((each for each in self._running if each.process.poll() is not None), None)

    def watch(self) -> Process:
        """Wait until a child ends and return it."""
        while (dead := self.first_dead()) is None:
            time.sleep(0.2)
        return dead
