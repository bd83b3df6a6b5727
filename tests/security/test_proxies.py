"""With the proxies of deploy/ in front, hundreds of held connections change nothing."""

import socket
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.environment import CALLBACK
from tests.fixtures.served import Serve
from tests.security import proxies
from tests.security.proxies import HOST, Proxy, slowest, tls_context

pytestmark = [pytest.mark.long, pytest.mark.alone, pytest.mark.timeout(300)]

#: 900 connections: half of each kind.
HALF_SENT = b"GET / HTTP/1.1\r\nHost: connect.example\r\nX-a: "
SLOW_BODY = b"POST /theme HTTP/1.1\r\nHost: connect.example\r\nContent-Length: 900\r\n\r\ntheme"
EACH = 450


@pytest.fixture(params=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, env: dict[str, str], serve: Serve, tmp_path: Path
) -> object:
    """The app behind a proxy, with the settings that docs/deploy.md gives."""
    port = urlsplit(env["TIKTOK_REDIRECT_URI"]).port
    serve(workers=2, PROXY_HOPS="1", TRUSTED_HOSTS=HOST, RATELIMIT_ENABLED="1")
    assert port is not None
    with getattr(proxies, request.param)(port, tmp_path) as front:
        yield front


def hold(stack: ExitStack, proxy: Proxy, sent: bytes, number: int) -> None:
    """Open so many connections over TLS, and send this on each."""
    context = tls_context()
    for _ in range(number):
        plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=20)
        held = stack.enter_context(context.wrap_socket(plain, server_hostname=HOST))
        held.sendall(sent)


def test_nine_hundred_held_connections_change_nothing(proxy: Proxy) -> None:
    with ExitStack() as stack:
        hold(stack, proxy, HALF_SENT, EACH)
        hold(stack, proxy, SLOW_BODY, EACH)
        assert slowest(proxy, 15) < 1


def test_nine_hundred_silent_connections_change_nothing(proxy: Proxy) -> None:
    with ExitStack() as stack:
        for _ in range(2 * EACH):
            stack.enter_context(socket.create_connection(("127.0.0.1", proxy.port), timeout=20))
        assert slowest(proxy, 12) < 1


def test_the_address_is_the_clients_and_the_code_is_in_no_log(proxy: Proxy, tmp_path: Path) -> None:
    # Whatever a client claims, it is one address; two processes count 60 each.
    for n in range(121):
        claimed = {"X-Forwarded-For": f"192.0.2.{n}", "X-Forwarded-Proto": "http"}
        answer = proxy.get(f"{CALLBACK}?code=a-secret-code&state=s{n}", **claimed)
    assert answer.status_code == 429
    logs = list(tmp_path.glob("*.log"))
    assert len(logs) >= 2
    for file in logs:
        text = file.read_text(encoding="utf-8")
        assert "a-secret-code" not in text, file.name


def test_a_form_that_is_too_large_gets_our_page(proxy: Proxy) -> None:
    answer = requests.post(
        f"https://localhost:{proxy.port}/connect",
        data=b"a" * 20_000,
        headers={"Host": HOST},
        verify=str(proxy.process.log.with_name("cert.pem")),
        timeout=20,
    )
    assert answer.status_code == 413
    assert "too much data" in answer.text


def test_plain_http_leads_to_https(proxy: Proxy) -> None:
    url = f"http://127.0.0.1:{proxy.plain_port}/connect?a=b"
    answer = requests.get(url, headers={"Host": HOST}, timeout=20, allow_redirects=False)
    assert answer.status_code in (301, 308)
    assert answer.headers["Location"].startswith(f"https://{HOST}")
