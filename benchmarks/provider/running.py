"""Runs the provider in a process of its own, over TLS with a certificate made for the run."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from certifi import where

from benchmarks import certificates
from tests.processes import Process, plain_environment

_READY = re.compile(r"^provider ready on (\d+) and (\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Provider:
    """A running provider."""

    #: Where the app sends its calls, without a slash at the end.
    url: str
    #: Where browsers go.
    browsers: str
    #: The environment in which a process trusts its certificate.
    trust: dict[str, str]

    def statistics(self) -> Any:
        """Return what the provider has counted."""
        return self._get("statistics")

    def set_latency(self, seconds: float) -> None:
        """Make every later call take this long."""
        self._get(f"latency/{seconds}")

    def _get(self, path: str) -> Any:
        with urlopen(f"{self.browsers}/{path}", timeout=10) as answer:  # noqa: S310  a local server
            return json.load(answer)


@contextmanager
def provider(folder: Path, *, tls: bool = True, latency: float = 0.0) -> Iterator[Provider]:
    """Run a provider until the block ends."""
    args = [sys.executable, "-m", "benchmarks.provider", "--latency", str(latency)]
    trust: dict[str, str] = {}
    if tls:
        made = certificates.made(folder)
        args += ["--certificate", str(made.certificate), "--key", str(made.key)]
        trust = {
            "BENCHMARK_CERTIFICATE": str(made.certificate),
            "REQUESTS_CA_BUNDLE": str(_bundle(folder, made.certificate)),
        }
    process = Process(args, folder / "provider.log", env=plain_environment())
    try:
        ready = process.wait_for(lambda: _READY.search(process.output()))
        scheme = "https" if tls else "http"
        yield Provider(
            f"{scheme}://{certificates.HOST}:{ready[1]}",
            f"http://{certificates.HOST}:{ready[2]}",
            trust,
        )
    finally:
        process.kill()


def _bundle(folder: Path, certificate: Path) -> Path:
    """Return the usual CA bundle plus one certificate: a program reads it as slowly as always."""
    bundle = folder / "bundle.pem"
    bundle.write_bytes(Path(where()).read_bytes() + certificate.read_bytes())
    return bundle
