"""Load client: browsers that sign in, one after the other, as fast as they get their pages.

Runs in its own process. Reads one line of JSON from stdin (`Job`) and writes one line of JSON with
the results to stdout. Each sign-in is by a browser of its own: a new connection without cookies.
"""

import json
import re
import selectors
import sys
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import count
from time import perf_counter, process_time
from urllib.parse import urlencode, urlsplit

from benchmarks.channel import TIMEOUT, Channel

_COOKIE = re.compile(rb"\r\nset-cookie: ([^=\r]+)=([^;\r]*)", re.IGNORECASE)
_LOCATION = re.compile(rb"\r\nlocation: ([^\r]+)", re.IGNORECASE)
_CSRF = re.compile(rb'name="csrf_token" value="([^"]+)"')
#: People of one client have numbers below its next one's.
_PEOPLE_A_CLIENT = 100_000


@dataclass(frozen=True)
class Job:
    """What to do."""

    port: int
    #: The provider's port for browsers.
    provider_port: int
    clients: int
    seconds: float
    #: Number of the first person; the following ten million are this job's.
    first: int
    #: Every sign-in is by a person who has not connected before, or who has, or they alternate.
    who: str
    #: For people who return: how many of each client's have connected before.
    known: int = 0


@dataclass
class Results:
    """What happened."""

    sign_ins: int = 0
    rate: float = 0.0
    #: The fewest sign-ins of any client.
    least: int = 0
    #: CPU seconds of the clients.
    cpu: float = 0.0
    #: Duration of each callback in milliseconds.
    callbacks: list[float] = field(default_factory=list)


#: Yields which channel to use and what to send. Receives that channel when it is answered.
Steps = Generator[tuple[str, bytes], Channel, None]


class Client:
    """One place in the queue, taken by one browser after the other."""

    def __init__(self, job: Job, number: int, results: Results) -> None:
        """Prepare a client; `number` tells it from the others."""
        self._job, self._results = job, results
        self._people = _people(job, job.first + number * _PEOPLE_A_CLIENT)
        self._provider = Channel(job.provider_port)
        self.finished = 0
        self.begin()

    def begin(self) -> None:
        """Send the first request of the next browser."""
        self._app = Channel(self._job.port)
        self._cookies: dict[bytes, bytes] = {}
        self._steps = self._sign_in(next(self._people))
        self._send(next(self._steps))

    def goes_on(self) -> bool:
        """Read what has arrived, and send what follows. Return False after the last page."""
        if not self.waits_for.is_answered():
            return True
        try:
            self._send(self._steps.send(self.waits_for))
        except StopIteration:
            self._app.sock.close()
            self.finished += 1
            return False
        return True

    def _send(self, step: tuple[str, bytes]) -> None:
        name, request = step
        self.waits_for = self._app if name == "app" else self._provider
        self.waits_for.send(request)

    def _sign_in(self, person: int) -> Steps:
        page = self._accept((yield "app", self._request("GET", "/connect")), "200")
        token = _CSRF.search(page.body)
        form = urlencode({"csrf_token": token[1].decode()} if token else {})
        sent = self._accept((yield "app", self._request("POST", "/connect", form)), "302")
        consent = f"{_path(sent)}&login_as={person}"
        back = yield "provider", f"GET {consent} HTTP/1.1\r\nHost: provider\r\n\r\n".encode()
        callback = self._request("GET", _path(self._accept(back, "302")))
        start = perf_counter()
        done = self._accept((yield "app", callback), "303")
        self._results.callbacks.append((perf_counter() - start) * 1000)
        self._accept((yield "app", self._request("GET", _path(done))), "200")

    def _request(self, method: str, path: str, form: str = "") -> bytes:
        cookies = b"; ".join(b"=".join(pair) for pair in self._cookies.items()).decode()
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: 127.0.0.1:{self._job.port}",
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Accept-Language: en",
            *([f"Cookie: {cookies}"] if cookies else []),
        ]
        if method == "POST":
            lines += ["Content-Type: application/x-www-form-urlencoded"]
            lines += [f"Origin: http://127.0.0.1:{self._job.port}", f"Content-Length: {len(form)}"]
        return "\r\n".join([*lines, "", form]).encode()

    def _accept(self, channel: Channel, status: str) -> Channel:
        """Keep the cookies. Raises RuntimeError if the response has another status."""
        if channel.status != status:
            raise RuntimeError(f"{channel.status} instead of {status}: {channel.body[:2000]!r}")
        if channel is self._app:
            for name, value in _COOKIE.findall(channel.head):
                if value:
                    self._cookies[name] = value
                else:
                    self._cookies.pop(name, None)
        return channel


def _people(job: Job, first: int) -> Iterator[int]:
    """Yield the number of each browser's person."""
    for number in count():
        if job.who == "returning":
            yield first + number % job.known
        elif job.who == "mixed":
            # The second one is the same person, who comes back.
            yield first + number // 2
        else:
            yield first + number


def _path(channel: Channel) -> str:
    found = _LOCATION.search(channel.head)
    parts = urlsplit(found[1].decode() if found else "")
    return parts.path + (f"?{parts.query}" if parts.query else "")


def run(job: Job) -> Results:
    """Sign in for `job.seconds`, then finish what has begun."""
    results = Results()
    began, start = process_time(), perf_counter()
    with selectors.DefaultSelector() as selector:

        def wait(client: Client) -> None:
            selector.register(client.waits_for.sock, selectors.EVENT_READ, client)

        clients = [Client(job, number, results) for number in range(job.clients)]
        for client in clients:
            wait(client)
        while selector.get_map():
            for key, _events in selector.select(TIMEOUT):
                client = key.data
                selector.unregister(key.fileobj)
                if client.goes_on():
                    wait(client)
                    continue
                passed = perf_counter() - start
                if passed < job.seconds:
                    client.begin()
                    wait(client)
                else:
                    # Each client's own rate, since the load is full until the first one ends.
                    results.rate += client.finished / passed
                    results.sign_ins += client.finished
    results.cpu = process_time() - began
    results.least = min(client.finished for client in clients)
    return results


def main() -> None:
    """Run the job from stdin and print the results."""
    job = Job(**json.loads(sys.stdin.readline()))
    sys.stdout.write(json.dumps(vars(run(job))))


if __name__ == "__main__":
    main()
