"""`python -m sandbox`: starts the pretend TikTok on 127.0.0.1; never anywhere else."""

import argparse
import errno
import os
import signal
import sys
from types import FrameType

from sandbox.app import create_app
from sandbox.http_server import Server
from sandbox.registration import Registration
from sandbox.runtime import EXTENSION, Desk

# Made up, the same for everybody and guarding nothing but made-up people.
CLIENT_KEY = "sandbox-client-key"
CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105  # see above


def main() -> int:
    """Serve until Ctrl-C or SIGTERM; returns the exit code (1: could not listen)."""
    wish = _arguments()
    registration = Registration(
        wish.client_key, wish.client_secret, tuple(wish.redirect_uri), wish.webhook_url
    )
    app = create_app(registration)
    desk: Desk = app.extensions[EXTENSION]
    try:
        server = Server(wish.port, app.wsgi_app, lambda: desk.knobs.manners.keep_alive)
    except OSError as failure:
        print(_words(wish.port, failure), file=sys.stderr)  # noqa: T201  # a command's own words
        return 1
    signal.signal(signal.SIGTERM, _stop)
    try:
        with server:
            ready = f"sandbox ready on http://127.0.0.1:{server.port}"
            print(ready, flush=True)  # noqa: T201  # tests wait for this line
            server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A pretend TikTok for tests and demos, on 127.0.0.1 only.",
    )
    parser.add_argument("--port", type=_port, default=9009, help="0 takes a free one")
    parser.add_argument("--client-key", default=os.environ.get("SANDBOX_CLIENT_KEY") or CLIENT_KEY)
    parser.add_argument(
        "--client-secret",
        default=os.environ.get("SANDBOX_CLIENT_SECRET") or CLIENT_SECRET,
        help="better in SANDBOX_CLIENT_SECRET, where `ps` does not show it",
    )
    parser.add_argument(
        "--redirect-uri",
        action="append",
        default=[],
        help="a registered redirect URI (repeat it); default: any on loopback with a port",
    )
    parser.add_argument("--webhook-url", help="where signed notices go")
    return parser.parse_args()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return port


def _words(port: int, failure: OSError) -> str:
    if failure.errno == errno.EADDRINUSE:
        return f"sandbox: port {port} is taken; choose another with --port, or 0 for a free one"
    return f"sandbox: cannot listen on port {port}: {failure.strerror}"


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
