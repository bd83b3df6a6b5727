"""No token, code, state, verifier or secret in any log, repr or exception (rule 55)."""

import logging
import socket
import traceback
from collections.abc import Callable

import pytest

from webapp.settings import Settings
from webapp.tiktok.errors import TikTokError
from webapp.tiktok.pkce import code_verifier
from webapp.tiktok.provider import CredentialsCheck, Provider

from .conftest import OPEN_ID
from .peer import Behaviour, Peer, Request, answering

STATE = "state-made-up-for-the-test"
CODE = "code*made*up!for.the.test"


def secrets_of(settings: Settings, success: dict[str, object]) -> list[str]:
    return [
        STATE,
        CODE,
        settings.tiktok_client_secret.get_secret_value(),
        settings.secret_key.get_secret_value(),
        code_verifier(settings.secret_key, STATE),
        str(success["access_token"]),
        str(success["refresh_token"]),
        # As it stands in a form.
        CODE.replace("*", "%2A").replace("!", "%21"),
    ]


def calls_of(provider: Provider, success: dict[str, object]) -> list[Callable[[], object]]:
    access_token = str(success["access_token"])
    return [
        lambda: provider.authorization_url(state=STATE, scopes=()),
        lambda: provider.exchange(code=CODE, state=STATE),
        lambda: provider.refresh(str(success["refresh_token"])),
        lambda: provider.revoke(access_token),
        lambda: provider.user_info(access_token, open_id=OPEN_ID, scopes=()),
        lambda: raising(provider.check_credentials()),
    ]


def raising(found: CredentialsCheck) -> CredentialsCheck:
    if found.error is not None:
        raise found.error
    return found


def echoing(*, status: int) -> Behaviour:
    """Answer with everything that came, as a careless server does in its error texts."""

    def behave(request: Request, conn: socket.socket) -> bool:
        said = repr(request)
        error = {"error": said, "error_description": said, "log_id": "", "message": said}
        return answering(error, status)(request, conn)

    return behave


def babbling(request: Request, conn: socket.socket) -> bool:
    """Send everything back where an HTTP answer should begin."""
    conn.sendall(repr(request).encode())
    return False


@pytest.mark.rule(55)
@pytest.mark.rule(11)
def test_no_secret_is_in_any_log_repr_or_traceback(
    provider: Provider,
    peer: Peer,
    settings: Settings,
    success: dict[str, object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    written: list[str] = []
    behaviours: list[Behaviour] = [
        answering(success),
        answering({**success, "error": str(success["access_token"])}),
        answering(str(success)),
        echoing(status=200),
        echoing(status=500),
        babbling,
        lambda request, conn: False,
    ]
    for behaviour in behaviours:
        peer.will(behaviour)
        for call in calls_of(provider, success):
            try:
                # The authorize URL is the one place where the state has to be.
                written.append(repr(call()).replace(f"state={STATE}", ""))
            except TikTokError as error:
                written += [str(error), repr(error), repr(vars(error))]
                written += traceback.format_exception(error)
    written += [repr(provider), repr(vars(provider)), *caplog.messages]
    everything = "\n".join(written + [record.getMessage() for record in caplog.records])
    assert len(written) > 30
    for secret in secrets_of(settings, success):
        assert secret not in everything


def test_errors_carry_a_clean_code_and_log_id_only(provider: Provider, peer: Peer) -> None:
    peer.will_answer({"error": "Act.Token123", "log_id": "2026\r\n\x1b[31m<b>" + "A" * 100})
    with pytest.raises(TikTokError) as caught:
        provider.refresh("rft.made-up")
    assert caught.value.code == "unreadable_code"
    assert caught.value.log_id == ("202631mb" + "A" * 100)[:64]
    peer.will_answer({"error": "invalid_grant", "log_id": {"not": "text"}})
    with pytest.raises(TikTokError) as caught:
        provider.refresh("rft.made-up")
    assert str(caught.value) == "invalid_grant"
