"""Load client: requests pages from one server as fast as it responds.

Runs in its own process. Reads one line of JSON from stdin (`Job`) and writes one line of JSON with
the counts to stdout.
"""

import json
import selectors
import sys
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter

from benchmarks.channel import TIMEOUT, Channel


@dataclass(frozen=True)
class Job:
    """What to do."""

    port: int
    connections: int
    seconds: float
    #: What to request, in turn.
    paths: list[str]
    #: One header line for each request, in turn.
    headers: list[str]


@dataclass
class Counts:
    """Responses received, by status."""

    answers: int = 0
    seconds: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)


def run(job: Job) -> Counts:
    """Send requests for `job.seconds`, on every connection the next one after each response.

    A slow server gets the time to answer as many as there are connections.
    """
    host = f"Host: 127.0.0.1:{job.port}"
    headers = cycle(job.headers)
    requests = cycle(
        "\r\n".join((f"GET {path} HTTP/1.1", host, next(headers), "", "")).encode()
        for path in job.paths
    )
    found = Counts()
    with selectors.DefaultSelector() as selector:
        for _ in range(job.connections):
            channel = Channel(job.port)
            selector.register(channel.sock, selectors.EVENT_READ, channel)
            channel.send(next(requests))
        start = perf_counter()
        while perf_counter() - start < job.seconds or found.answers < job.connections:
            for key, _events in selector.select(TIMEOUT):
                channel = key.data
                if channel.is_answered():
                    found.answers += 1
                    found.statuses[channel.status] += 1
                    channel.send(next(requests))
                elif channel.sock is not key.fileobj:
                    selector.unregister(key.fileobj)
                    selector.register(channel.sock, selectors.EVENT_READ, channel)
        found.seconds = perf_counter() - start
        for key in list(selector.get_map().values()):
            key.data.sock.close()
    return found


def main() -> None:
    """Run the job from stdin and print the counts."""
    job = Job(**json.loads(sys.stdin.readline()))
    sys.stdout.write(json.dumps(vars(run(job))))


if __name__ == "__main__":
    main()
