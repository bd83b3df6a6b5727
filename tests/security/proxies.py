"""Debian's nginx and Caddy with the files of deploy/: only paths and ports are replaced."""

import datetime
import getpass
import os
import shutil
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.missing import missing
from tests.processes import ROOT, Process, plain_environment, reserved_port, running
from tests.servers import plain_session

HOST = "connect.example"


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    port: int
    #: The port for plain http, which only redirects.
    plain_port: int
    process: Process

    def get(self, path: str, **headers: str) -> requests.Response:
        """GET a path on a new connection, under the public name."""
        with plain_session() as session:
            return session.get(
                f"https://localhost:{self.port}{path}",
                headers={"Host": HOST} | headers,
                verify=str(self.process.log.with_name("cert.pem")),
                timeout=30,
                allow_redirects=False,
            )


def tls_context() -> ssl.SSLContext:
    """Return how a client connects that doesn't check certificates."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@contextmanager
def nginx(upstream: int, folder: Path) -> Iterator[Proxy]:
    """Run nginx with deploy/nginx.conf in front of a port."""
    program = _program("nginx")
    _certificate(folder)
    with reserved_port() as port, reserved_port() as plain:
        text = _replaced(
            (ROOT / "deploy/nginx.conf").read_text(encoding="utf-8"),
            {
                "user www-data;": f"user {getpass.getuser()};\ndaemon off;",
                "pid /run/nginx.pid;": f"pid {folder}/nginx.pid;",
                "http {\n": f"http {{\n{_temporary(folder)}",
                "/var/log/nginx/access.log": f"{folder}/access.log",
                "/var/log/nginx/error.log": f"{folder}/error.log",
                "127.0.0.1:8000": f"127.0.0.1:{upstream}",
                "listen 80;": f"listen 127.0.0.1:{plain};",
                "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
                f"/etc/letsencrypt/live/{HOST}/fullchain.pem": f"{folder}/cert.pem",
                f"/etc/letsencrypt/live/{HOST}/privkey.pem": f"{folder}/key.pem",
            },
        )
        file = folder / "nginx.conf"
        file.write_text(text, encoding="utf-8")
        args = [program, "-p", str(folder), "-c", str(file)]
        yield from _run(args, folder, port, plain)


@contextmanager
def caddy(upstream: int, folder: Path) -> Iterator[Proxy]:
    """Run Caddy with deploy/Caddyfile in front of a port."""
    program = _program("caddy")
    _certificate(folder)
    with reserved_port() as port, reserved_port() as plain:
        text = _replaced(
            (ROOT / "deploy/Caddyfile").read_text(encoding="utf-8"),
            {
                "{\n\tservers {": f"{{\n\thttp_port {plain}\n\thttps_port {port}\n\tservers {{",
                f"\n{HOST} {{": f"\n{HOST}, localhost {{\n\ttls {folder}/cert.pem {folder}/key.pem",
                "127.0.0.1:8000": f"127.0.0.1:{upstream}",
            },
        )
        file = folder / "Caddyfile"
        file.write_text(text, encoding="utf-8")
        args = [program, "run", "--config", str(file), "--adapter", "caddyfile"]
        yield from _run(args, folder, port, plain)


def _run(args: list[str], folder: Path, port: int, plain: int) -> Iterator[Proxy]:
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    env = plain_environment() | home | {"CADDY_ADMIN": f"unix/{folder}/admin.sock"}
    with running(Process(args, folder / "proxy.log", env=env)) as process:
        proxy = Proxy(port, plain, process)

        def answers() -> bool | None:
            try:
                return proxy.get("/healthz").status_code == 200 or None
            except requests.ConnectionError:
                return None

        process.wait_for(answers)
        yield proxy


def _program(name: str) -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    return shutil.which(name, path=path) or missing(f"{name} is not installed")


def _replaced(text: str, changes: dict[str, str]) -> str:
    """Replace what everyone has to; each is there once, so nothing is replaced by accident."""
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


def _temporary(folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.DNSName("localhost")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    kinds = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(*kinds, serialization.NoEncryption()))


def slowest(proxy: Proxy, seconds: float) -> float:
    """Return the longest time that /healthz took in so many seconds; each must be a 200."""
    longest, end = 0.0, time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        assert proxy.get("/healthz").status_code == 200
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.1)
    return longest
