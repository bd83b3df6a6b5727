"""Runs `flask` with one additional trusted certificate, for the benchmark provider with TLS.

The app deliberately reads no CA bundle from the environment, so the certificate is added here.
"""

import os

from flask.cli import main

from webapp.http_client import connection

if __name__ == "__main__":
    connection.tls_context().load_verify_locations(os.environ["BENCHMARK_CERTIFICATE"])
    main()
