"""A small receiver of webhooks, so that what arrives can be looked at."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Inbox(ThreadingHTTPServer):
    """Listens on a free loopback port and keeps headers and raw bodies."""

    def __init__(self) -> None:
        self.letters: list[tuple[dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Slot)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/webhooks/tiktok"


class _Slot(BaseHTTPRequestHandler):
    server: Inbox

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.letters.append((dict(self.headers), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return None
