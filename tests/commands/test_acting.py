"""`flask tokens refresh`, `disconnect` and `adopt`: effects, output and exit codes."""

import json
from datetime import timedelta

import pytest
from flask import Flask

from tests.commands.people import is_what_tiktok_holds, join, row
from tests.commands.terminal import command
from tests.fixtures.app import MakeApp
from tests.servers import Sandbox
from webapp.services.installation import binding
from webapp.services.runtime import Runtime

pytestmark = pytest.mark.usefixtures("each_database")


@pytest.fixture
def mara(runtime: Runtime, sandbox: Sandbox) -> str:
    """Mara's open_id; she has connected."""
    return join(runtime, sandbox, "mara")


def test_a_refresh_is_made_even_if_the_token_is_fresh(
    app: Flask, runtime: Runtime, sandbox: Sandbox, mara: str
) -> None:
    run = command(app, "tokens", "refresh", mara)
    assert (run.exit_code, run.stderr.count("Traceback")) == (0, 0)
    assert run.stdout.startswith(f"{mara} is fresh until 20")
    assert json.loads(command(app, "tokens", "refresh", "--json", mara).stdout)["version"] == 3
    assert is_what_tiktok_holds(runtime, sandbox, mara)


def test_a_refresh_that_tiktok_does_not_answer_ends_with_1(
    app: Flask, runtime: Runtime, sandbox: Sandbox, mara: str
) -> None:
    sandbox.faults("token", "http500")
    run = command(app, "tokens", "refresh", mara)
    assert (run.exit_code, run.stdout) == (1, "")
    assert f"{mara} was not refreshed: " in run.stderr
    assert "try again in " in run.stderr


def test_a_connection_that_needs_its_person_is_not_refreshed(
    app: Flask, runtime: Runtime, sandbox: Sandbox
) -> None:
    ended = runtime.clock() - timedelta(days=1)
    jo = join(runtime, sandbox, "jo", status="reconnect", reason="refused", ended_at=ended)
    run = command(app, "tokens", "refresh", jo)
    assert run.exit_code == 1
    assert f"{jo} must reconnect: refused, since {ended:%Y-%m-%d}" in run.stderr


def test_a_disconnect_revokes_at_tiktok_and_deletes_the_tokens(
    app: Flask, runtime: Runtime, sandbox: Sandbox, mara: str
) -> None:
    run = command(app, "tokens", "disconnect", mara)
    assert run.exit_code == 0
    assert run.stdout == f"{mara} is disconnected and its tokens are deleted; TikTok confirmed it\n"
    assert sandbox.books()[mara]["revoked"]
    assert row(runtime, mara).access_token is None


def test_a_second_disconnect_says_that_there_was_nothing_to_end(app: Flask, mara: str) -> None:
    assert command(app, "tokens", "disconnect", mara).exit_code == 0
    run = command(app, "tokens", "disconnect", mara)
    assert run.exit_code == 0
    assert run.stdout.startswith(f"{mara} was not connected")


@pytest.mark.rule(40)
def test_a_disconnect_that_tiktok_refuses_deletes_the_tokens_and_says_so(
    app: Flask, runtime: Runtime, sandbox: Sandbox, mara: str
) -> None:
    sandbox.faults("revoke", "error200", error="invalid_request")
    run = command(app, "tokens", "disconnect", mara)
    assert run.exit_code == 0
    assert "TikTok did not confirm it: invalid_request" in run.stdout
    assert row(runtime, mara).access_token is None


def test_a_disconnect_that_tiktok_does_not_answer_is_not_done_yet(
    app: Flask, runtime: Runtime, sandbox: Sandbox, mara: str
) -> None:
    sandbox.faults("revoke", "http500")
    run = command(app, "tokens", "disconnect", "--json", mara)
    assert run.exit_code == 1
    assert json.loads(run.stdout)["forgotten"] is False
    assert "keeps trying to revoke its access for 24 hours" in run.stderr
    assert row(runtime, mara).status == "revoking"


@pytest.mark.parametrize("act", ["refresh", "disconnect"])
def test_in_a_copy_nothing_is_done_to_the_originals_grants(
    make_app: MakeApp, runtime: Runtime, sandbox: Sandbox, mara: str, act: str
) -> None:
    assert binding.mismatch(runtime) is None
    copy = make_app(INSTANCE_ID="another-instance")
    run = command(copy, "tokens", act, mara)
    assert run.exit_code == 1
    assert "belonged to another installation" in run.stderr
    assert sandbox.calls("token.refresh_token") == sandbox.calls("revoke") == 0
    assert row(runtime, mara).version == 1


def test_adopting_asks_and_a_no_changes_nothing(make_app: MakeApp, runtime: Runtime) -> None:
    assert binding.mismatch(runtime) is None
    copy = make_app(INSTANCE_ID="another-instance")
    for given in ("n\n", ""):
        run = command(copy, "tokens", "adopt", given=given)
        assert run.exit_code == 1
        assert "Continue? [y/N]" in run.stderr
    assert binding.mismatch(runtime) is None
    run = command(copy, "tokens", "adopt", given="y\n")
    assert run.exit_code == 0
    assert "now belongs to this installation" in run.stdout
    assert binding.mismatch(runtime) is not None


def test_adopting_what_is_ours_already_changes_nothing(app: Flask, runtime: Runtime) -> None:
    run = command(app, "tokens", "adopt", "--yes")
    assert (run.exit_code, run.stdout) == (
        0,
        "The database already belongs to this installation.\n",
    )


def test_after_adopting_the_worker_runs(
    make_app: MakeApp, runtime: Runtime, sandbox: Sandbox
) -> None:
    assert binding.mismatch(runtime) is None
    tomas = join(runtime, sandbox, "tomas", next_at=runtime.clock())
    copy = make_app(INSTANCE_ID="another-instance")
    assert command(copy, "tokens", "run", "--once").exit_code == 1
    assert command(copy, "tokens", "adopt", "--yes").exit_code == 0
    assert command(copy, "tokens", "run", "--once").stdout == "refreshed 1\n"
    assert is_what_tiktok_holds(runtime, sandbox, tomas)
