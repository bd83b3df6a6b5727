"""The command `python -m sandbox`: serves the mock TikTok, on 127.0.0.1 only."""

import argparse
import errno
import os
import signal
import sys
from types import FrameType

from sandbox.app import create_app
from sandbox.http_server import Server
from sandbox.runtime import EXTENSION, Runtime
from sandbox.settings import RegisteredApp

# Public defaults; they protect nothing but made-up people.
CLIENT_KEY = "sandbox-client-key"
CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105  # a public default


def main() -> int:
    """Serve until Ctrl-C or SIGTERM; return the exit code (1: cannot listen on the port)."""
    given = _arguments()
    registered = RegisteredApp(
        given.client_key,
        given.client_secret,
        tuple(given.redirect_uri),
        given.webhook_url,
        given.app_name,
    )
    app = create_app(registered)
    runtime: Runtime = app.extensions[EXTENSION]
    try:
        server = Server(given.port, app.wsgi_app, lambda: runtime.settings.behavior.keep_alive)
    except OSError as failure:
        print(_message(given.port, failure), file=sys.stderr)  # noqa: T201  # output of a command
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
        description="A mock TikTok for tests and demos, on 127.0.0.1 only.",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=9009,
        help="default: 9009; 0 picks a free port",
    )
    parser.add_argument(
        "--client-key",
        default=os.environ.get("SANDBOX_CLIENT_KEY") or CLIENT_KEY,
        help="client key of the registered app (default: SANDBOX_CLIENT_KEY, or a fixed one)",
    )
    parser.add_argument(
        "--client-secret",
        default=os.environ.get("SANDBOX_CLIENT_SECRET") or CLIENT_SECRET,
        help="its secret; prefer SANDBOX_CLIENT_SECRET, because `ps` shows arguments",
    )
    parser.add_argument(
        "--redirect-uri",
        action="append",
        default=[],
        help="a registered redirect URI, can be repeated (default: any loopback URI with a port)",
    )
    parser.add_argument("--webhook-url", help="where to send signed webhooks (default: nowhere)")
    parser.add_argument(
        "--app-name",
        default=os.environ.get("SANDBOX_APP_NAME") or None,
        help="what the consent page calls the app (default: SANDBOX_APP_NAME, or its client key)",
    )
    return parser.parse_args()


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return port


def _message(port: int, failure: OSError) -> str:
    if failure.errno == errno.EADDRINUSE:
        return f"sandbox: port {port} is in use; choose another with --port, or 0 for a free one"
    return f"sandbox: cannot listen on port {port}: {failure.strerror}"


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
