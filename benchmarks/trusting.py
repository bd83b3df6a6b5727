"""Runs `flask` with one more certificate trusted, for a provider of our own that speaks TLS.

The app takes no CA bundle out of the environment, on purpose; so the only way is to say it here.
"""

import os

from flask.cli import main

from webapp.http_client import connection

if __name__ == "__main__":
    connection.tls_context().load_verify_locations(os.environ["BENCHMARK_CERTIFICATE"])
    main()
