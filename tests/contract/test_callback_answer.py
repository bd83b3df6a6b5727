"""What TikTok's answer may be: a code, a refusal, or something that is no answer."""

import secrets
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from tests.contract.evidence import all_calls, callback, heading, question, rows, token_calls
from tests.fixtures.app import MakeApp
from tests.servers import Sandbox
from tests.tiktok.peer import Peer
from tests.walk import BrowserLikeClient, begin, come_back, connect, consent
from webapp.settings import Settings

MARK = f"mark{secrets.token_hex(6)}"
DESCRIPTION = f"<script>{MARK}</script> \" ' & {MARK}"
SET_UP = (503, "This site isn't ready for TikTok yet")
DECLINED = (200, "You chose not to connect")
DOWN = (503, "TikTok isn't responding")


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as listening:
        yield listening


@pytest.mark.rule(13)
@pytest.mark.parametrize(
    ("error", "error_type", "page"),
    [
        ("access_denied", None, DECLINED),
        ("access_denied", "something_new", DECLINED),
        ("server_error", None, DOWN),
        ("temporarily_unavailable", None, DOWN),
        ("<b>odd</b>", None, SET_UP),
        pytest.param(
            "access_denied",
            "non_sandbox_target",
            (403, "This site is still being tested"),
            marks=pytest.mark.rule(14),
        ),
        *(
            pytest.param("access_denied", kind, SET_UP, marks=pytest.mark.rule(14))
            for kind in ("client_key", "redirect_uri", "code_challenge", "scope_not_authorized")
        ),
        pytest.param("invalid_scope", None, SET_UP, marks=pytest.mark.rule(14)),
        pytest.param("unauthorized_client", None, SET_UP, marks=pytest.mark.rule(14)),
    ],
)
def test_a_refusal_has_a_page_of_its_own_and_makes_no_call(
    client: FlaskClient,
    sandbox: Sandbox,
    error: str,
    error_type: str | None,
    page: tuple[int, str],
) -> None:
    told = {"error": error, "description": DESCRIPTION, "times": 1}
    if error_type:
        told["error_type"] = error_type
    sandbox.faults("authorize", "error200", **told)
    answer = come_back(client, consent(begin(client)))
    assert (answer.status_code, heading(answer.text)) == page
    assert "Nothing was" in answer.text
    assert "stored" in answer.text
    assert MARK not in answer.text
    assert "<b>odd" not in answer.text
    assert all_calls(sandbox) == 0
    assert rows(client.application) == []


@pytest.mark.rule(13)
def test_cancel_at_tiktok_is_a_normal_end_and_the_next_attempt_works(
    client: FlaskClient, sandbox: Sandbox
) -> None:
    answer = come_back(client, consent(begin(client), deny="1"))
    assert (answer.status_code, heading(answer.text)) == DECLINED
    assert token_calls(sandbox) == 0
    assert connect(client).status_code == 303


@pytest.mark.rule(15)
@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [("code", "")],
        [("error", "")],
        [("error_description", MARK), ("error_type", "client_key")],
        [("scopes", "user.info.basic")],
    ],
)
def test_an_answer_without_code_and_error_is_a_clean_400(
    client: FlaskClient, sandbox: Sandbox, pairs: list[tuple[str, str]]
) -> None:
    answer = client.get(callback(*pairs, ("state", question(begin(client))["state"])))
    assert answer.status_code == 400
    assert heading(answer.text) == "TikTok sent you back with an incomplete link"
    assert MARK not in answer.text
    assert all_calls(sandbox) == 0


@pytest.mark.rule(16)
@pytest.mark.parametrize("extra", ["&error=access_denied", "&error=x&error_type=client_key"])
def test_a_code_beside_an_error_is_an_error(
    client: FlaskClient, sandbox: Sandbox, extra: str
) -> None:
    answer = come_back(client, consent(begin(client)) + extra)
    assert answer.status_code == 400
    assert all_calls(sandbox) == 0
    assert rows(client.application) == []


@pytest.mark.parametrize(
    "extra",
    ["&code=another", "&scopes=video.list", "&iss=https://evil.example", "&code=", "&x=1&x=2"],
)
def test_a_doubled_parameter_or_another_issuer_is_refused(
    client: FlaskClient, sandbox: Sandbox, extra: str
) -> None:
    answer = come_back(client, consent(begin(client)) + extra)
    assert answer.status_code == 400
    assert all_calls(sandbox) == 0
    assert rows(client.application) == []


def test_the_issuer_that_is_tiktoks_is_let_in(client: FlaskClient, settings: Settings) -> None:
    came = consent(begin(client))
    assert come_back(client, f"{came}&iss={settings.authorize_origin}").status_code == 303


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE"])
def test_the_callback_is_only_ever_opened(
    client: BrowserLikeClient, sandbox: Sandbox, method: str
) -> None:
    came = consent(begin(client))
    answer = client.open(came.removeprefix(client.origin), method=method)
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert all_calls(sandbox) == 0
    assert come_back(client, came).status_code == 303, "and the attempt is not used up by it"


@pytest.mark.rule(18)
def test_a_code_in_tiktoks_shape_is_exchanged(client: FlaskClient, sandbox: Sandbox) -> None:
    came = consent(begin(client))
    assert "%2A" in came
    assert "%21" in came
    assert come_back(client, came).status_code == 303
    assert sandbox.counters()["calls"]["token.authorization_code"] == {"ok": 1}


@pytest.mark.rule(18)
@pytest.mark.parametrize(
    "code",
    [
        "aB-_.~9*0!4735.va",
        "a+b*1!1.va",
        "100%*2!1.va",
        "a%25b%2Bc",
        "a&b=c&code=d",
        "a/b?c#d;e:f@g",
    ],
)
@pytest.mark.parametrize("raw", ["", "*!~"], ids=["all escaped", "as browsers leave it"])
def test_a_code_reaches_tiktok_byte_for_byte(
    make_app: MakeApp, peer: Peer, code: str, raw: str
) -> None:
    peer.will_answer({"error": "server_error"})
    client = make_app(TIKTOK_API_URL=peer.url).test_client()
    state = question(begin(client))["state"]
    escaped = "".join(c if c.isalnum() or c in raw else f"%{ord(c):02X}" for c in code)
    client.get(f"{callback(('state', state))}&code={escaped}")
    (call,) = peer.requests
    assert dict(call.form)["code"] == code
    assert call.body.count(b"code=") == 1
