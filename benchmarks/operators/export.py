"""Measures an export of the whole list and the memory of the server process meanwhile."""

import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.operators.site import Site, sign_in_operator

_CHUNK = 1_048_576


@dataclass(frozen=True)
class Export:
    """Measurements of one export."""

    rows: int
    seconds: float
    #: Resident memory of the process in MB: before, peak, after.
    before: float
    peak: float
    after: float


def measure(site: Site, kind: str) -> Export:
    """Download a whole export and sample the server's memory after every chunk."""
    connection = site.connect()
    # Exports need a recent sign-in, and the pages may have been measured for longer.
    cookie = sign_in_operator(site.stage)
    before = _resident(site.pid)
    start = time.perf_counter()
    connection.request("GET", f"/operators/tokens.{kind}", headers={"Cookie": f"session={cookie}"})
    answer = connection.getresponse()
    lines, peak = 0, before
    while chunk := answer.read(_CHUNK):
        lines += chunk.count(b"\n")
        peak = max(peak, _resident(site.pid))
    seconds = time.perf_counter() - start
    connection.close()
    # CSV has one line that is not a row (the header), JSON has two (the brackets).
    rows = lines - 1 if kind == "csv" else lines - 2
    if answer.status != 200 or rows != site.people:
        raise RuntimeError(f"{answer.status}, {rows} rows instead of {site.people}")
    return Export(rows, seconds, before, peak, _resident(site.pid))


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024
