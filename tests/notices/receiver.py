"""A receiver as a process of its own, as a user of Coatcheck would write one: it checks, then acts.

`python receiver.py FOLDER REFUSALS HOLD` listens on loopback, writes its port into FOLDER/port and
a line for each notice into FOLDER/came: message id, event, data. It holds the first notice for HOLD
seconds before it answers, and answers the first REFUSALS notices with 503.
"""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from standardwebhooks import Webhook

FOLDER, REFUSALS, HOLD = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
webhook = Webhook(os.environ["NOTIFY_SECRET"])
left = {"refusals": REFUSALS, "holds": 1 if HOLD else 0}


class Receiver(BaseHTTPRequestHandler):
    """Answers what is signed as it was told to; hangs up on anything else."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        told = webhook.verify(body, dict(self.headers))
        self.note(f"{self.headers['webhook-id']} {told['type']} {json.dumps(told['data'])}")
        if left["holds"]:
            left["holds"] -= 1
            time.sleep(HOLD)
        status = 503 if left["refusals"] > 0 else 204
        left["refusals"] -= 1
        self.send_response(status)
        self.end_headers()

    def note(self, line: str) -> None:
        with (FOLDER / "came").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def log_message(self, *_words: object) -> None:
        """Say nothing on stderr."""


if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    (FOLDER / "port.new").write_text(str(server.server_port), encoding="utf-8")
    (FOLDER / "port.new").rename(FOLDER / "port")
    server.serve_forever()
