"""A loopback forwarder between the app and the sandbox that notes what passes; changes nothing."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

#: What is secret in a form, an answer or an address.
NAMES = frozenset(
    {"code", "state", "code_verifier", "client_secret", "access_token", "refresh_token", "token"}
)


@dataclass
class Recorder:
    """Where the app believes TikTok to be, and every secret that passed by there, by name."""

    url: str = ""
    seen: dict[str, set[str]] = field(default_factory=dict)

    def note(self, query: str) -> None:
        """Keep the secrets of a form or of an address's query."""
        for name, values in parse_qs(query).items():
            if name in NAMES:
                self.seen.setdefault(name, set()).update(values)

    def note_answer(self, body: bytes) -> None:
        """Keep the tokens of an answer, if it is one."""
        try:
            answer = json.loads(body)
        except ValueError:
            return
        for name in NAMES & answer.keys() if isinstance(answer, dict) else ():
            if isinstance(answer[name], str):
                self.seen.setdefault(name, set()).add(answer[name])

    def all(self) -> set[str]:
        """Return every secret that passed by."""
        return set().union(*self.seen.values())


@contextmanager
def recording(sandbox_url: str) -> Iterator[Recorder]:
    """Forward to the sandbox and take notes until the block ends."""
    recorder = Recorder()

    class Handler(_Forwarder):
        notes = recorder
        target = urlsplit(sandbox_url).netloc

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        recorder.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()


class _Forwarder(BaseHTTPRequestHandler):
    notes: Recorder
    target: str

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.notes.note(urlsplit(self.path).query)
        self.notes.note(body.decode("ascii"))
        connection = http.client.HTTPConnection(self.target, timeout=15)
        headers = {n: v for n, v in self.headers.items() if n.lower() not in ("host", "connection")}
        try:
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            found = answer.read()
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            return
        finally:
            connection.close()
        self.notes.note_answer(found)
        self.notes.note(urlsplit(answer.getheader("Location") or "").query)
        self.send_response(answer.status)
        for name in ("Content-Type", "Location", "Retry-After"):
            if answer.getheader(name):
                self.send_header(name, str(answer.getheader(name)))
        self.send_header("Content-Length", str(len(found)))
        self.end_headers()
        self.wfile.write(found)

    # BaseHTTPRequestHandler asks for these names.
    do_GET = do_POST = _forward

    def log_message(self, format: str, *args: object) -> None:
        """Keep silent."""
