"""A whole list taken away as a file, and what memory the server's process needs meanwhile."""

import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.operators_room import Room

_PIECE = 1_048_576


@dataclass(frozen=True)
class Taken:
    """What one export took."""

    rows: int
    seconds: float
    #: Resident memory of the process in MB: before, at most while it ran, after.
    before: float
    most: float
    after: float


def take(room: Room, kind: str) -> Taken:
    """Read a whole export, looking at the server's memory at every piece."""
    connection = room.connect()
    before = _resident(room.pid)
    start = time.perf_counter()
    connection.request(
        "GET", f"/operators/tokens.{kind}", headers={"Cookie": f"session={room.cookie}"}
    )
    answer = connection.getresponse()
    lines, most = 0, before
    while piece := answer.read(_PIECE):
        lines += piece.count(b"\n")
        most = max(most, _resident(room.pid))
    seconds = time.perf_counter() - start
    connection.close()
    # Two lines are none of a row: head and nothing in CSV; both brackets in JSON.
    rows = lines - 1 if kind == "csv" else lines - 2
    if answer.status != 200 or rows != room.people:
        raise RuntimeError(f"{answer.status}, {rows} rows of {room.people} came")
    return Taken(rows, seconds, before, most, _resident(room.pid))


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024
