"""Reads from /metrics how long writes waited for the database's write lock, and had it."""

import re
from dataclasses import dataclass
from urllib.request import Request, urlopen

#: METRICS_TOKEN of the servers under test.
TOKEN = "made-up-token-of-the-benchmarks-0123456789"  # noqa: S105  for loopback only
_SAMPLE = re.compile(
    r"^coatcheck_write_(wait|hold)_seconds_(count|sum)(?:\{[^}]*\})? (\S+)$", re.MULTILINE
)


@dataclass(frozen=True)
class Writes:
    """Write transactions so far: how many, and seconds of waiting and of holding the lock."""

    number: float = 0.0
    waited: float = 0.0
    held: float = 0.0

    def since(self, before: "Writes") -> "Writes":
        """Return what was added since."""
        return Writes(
            self.number - before.number, self.waited - before.waited, self.held - before.held
        )


def parse(text: str) -> Writes:
    """Return the sums over all processes and labels; zeros if nothing is measured."""
    sums: dict[tuple[str, str], float] = {}
    for kind, what, value in _SAMPLE.findall(text):
        sums[kind, what] = sums.get((kind, what), 0.0) + float(value)
    return Writes(
        sums.get(("hold", "count"), 0.0),
        sums.get(("wait", "sum"), 0.0),
        sums.get(("hold", "sum"), 0.0),
    )


def read(port: int) -> Writes:
    """Return the sums of the server at this port."""
    address = f"http://127.0.0.1:{port}/metrics"
    request = Request(address, headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310  a local server
    with urlopen(request, timeout=30) as answer:  # noqa: S310  a local server
        return parse(answer.read().decode())
