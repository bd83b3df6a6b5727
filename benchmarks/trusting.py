"""The app and `flask`, with one additional trusted certificate: that of the benchmarks' provider.

The app deliberately reads no CA bundle from the environment, so the certificate is added here.
`gunicorn "benchmarks.trusting:make()"` serves the app; `python -m benchmarks.trusting` is `flask`.
"""

import os

from flask import Flask
from flask.cli import main

from webapp.http_client import connection

connection.tls_context().load_verify_locations(os.environ["BENCHMARK_CERTIFICATE"])


def make() -> Flask:
    """Return the app of wsgi.py."""
    import wsgi

    return wsgi.app


if __name__ == "__main__":
    main()
