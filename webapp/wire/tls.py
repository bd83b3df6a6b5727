"""The TLS of every call out: verified against requests' bundle of authorities; opens nothing."""

import ssl
from functools import cache

from requests.utils import DEFAULT_CA_BUNDLE_PATH


@cache
def tls_context() -> ssl.SSLContext:
    """Return the process's one TLS context; reading the CA bundle costs 20 ms, so it is once."""
    context = ssl.create_default_context(cafile=DEFAULT_CA_BUNDLE_PATH)
    context.set_alpn_protocols(["http/1.1"])
    return context
