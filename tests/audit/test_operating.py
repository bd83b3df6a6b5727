"""What operators do in the browser and on the server is told with who did it."""

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.audit.telling import HERE, Told, by_command, told
from tests.commands.terminal import command
from tests.fixtures.app import MakeApp
from tests.forms import the_form
from tests.keep.standins import Answering, with_provider
from tests.keep.trouble import out_of_reach
from tests.servers import Sandbox
from tests.services.holding import runtime_of
from webapp.models import User
from webapp.services.handout import service_keys
from webapp.services.installation import binding
from webapp.services.refresh import claims
from webapp.services.refresh.answer_store import store_answers
from webapp.services.refresh.attempt import attempt
from webapp.services.runtime import Runtime
from webapp.tiktok.errors import OurConfiguration


@pytest.fixture
def runtime(app: Flask) -> Iterator[Runtime]:
    """The app's runtime, with its context open."""
    with app.app_context():
        yield runtime_of(app)


@pytest.mark.audit("operator.added")
@pytest.mark.audit("operator.removed")
def test_operators_are_made_and_unmade_by_commands(app: Flask, mara: User) -> None:
    for act in ("add", "add", "remove", "remove"):
        assert command(app, "operators", act, mara.open_id).exit_code == 0
    # What changes nothing is no act.
    assert told(app, "operator.added") == [by_command("operators add", mara.ticket)]
    assert told(app, "operator.removed") == [by_command("operators remove", mara.ticket)]


@pytest.mark.audit("key.issued")
@pytest.mark.audit("key.revoked")
def test_keys_are_told_by_their_public_part(app: Flask, operator: FlaskClient, mara: User) -> None:
    form = the_form(operator.get("/operators/keys").text, "/operators/keys")
    answer = operator.post("/operators/keys", data=form.data() | {"name": "reports"})
    page = operator.get(answer.location).text
    with app.app_context():
        (key,) = service_keys.list_all()
    assert f"cck_{key.id}_" in page
    command(app, "keys", "revoke", "reports")
    command(app, "keys", "revoke", "reports")
    fields = {"key": key.id, "name": "reports"}
    assert told(app, "key.issued") == [Told("operator", mara.ticket, None, HERE, fields)]
    assert told(app, "key.revoked") == [by_command("keys revoke", **fields)]


@pytest.mark.audit("audit.exported")
def test_the_export_of_the_audit_is_told_by_ticket(
    app: Flask, operator: FlaskClient, mara: User
) -> None:
    answer = operator.get("/operators/audit.csv", query_string={"on": mara.open_id})
    assert answer.status_code == 200
    assert told(app, "audit.exported") == [
        Told("operator", mara.ticket, None, HERE, {"query": f"on={mara.ticket}"})
    ]


@pytest.mark.audit("breaker.opened")
@pytest.mark.audit("breaker.closed")
def test_the_breaker_is_told_with_its_reason(app: Flask, runtime: Runtime, mara: User) -> None:
    for provider in (Answering(OurConfiguration("invalid_client")), None):
        at = with_provider(runtime, provider) if provider else runtime
        claim = claims.claim_one(at, mara.ref, at.clock(), back_off=False)
        assert claim is not None
        store_answers(at, [attempt(at, claim)])
    fields = {"reason": "config", "code": "invalid_client"}
    assert told(app, "breaker.opened") == [Told("system", "", None, "", fields)]
    assert told(app, "breaker.closed") == [Told("system", "", None, "", fields)]


@pytest.mark.audit("tokens.resealed")
def test_sealing_anew_is_told_with_its_outcome(
    make_app: MakeApp, env: dict[str, str], mara: User
) -> None:
    new = base64.b64encode(secrets.token_bytes(32)).decode()
    rotated = make_app(TOKEN_KEYS=f"{new},{env['TOKEN_KEYS']}")
    for _ in range(2):
        assert command(rotated, "tokens", "reseal").exit_code == 0
    assert told(rotated, "tokens.resealed") == [by_command("tokens reseal", done=1, closed=0)]


@pytest.mark.audit("tokens.rescued")
@pytest.mark.usefixtures("sandbox")
def test_what_was_rescued_is_told_when_it_is_stored(
    app: Flask, runtime: Runtime, mara: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = claims.claim_one(runtime, mara.ref, runtime.clock())
    assert claim is not None
    result = attempt(runtime, claim)
    with monkeypatch.context() as patched, out_of_reach(runtime, patched):
        assert store_answers(runtime, [result], patience=0) == [True]
    assert command(app, "tokens", "rescue").exit_code == 0
    assert told(app, "tokens.rescued") == [by_command("tokens rescue", stored=1, outdated=0)]


@pytest.mark.audit("database.adopted")
def test_adopting_is_told(make_app: MakeApp, runtime: Runtime) -> None:
    assert binding.mismatch(runtime) is None
    copy = make_app(INSTANCE_ID="another-instance")
    assert command(copy, "tokens", "adopt", "--yes").exit_code == 0
    assert told(copy, "database.adopted") == [by_command("tokens adopt")]


@pytest.mark.audit("database.copied")
@pytest.mark.usefixtures("mara")
def test_a_copy_is_told_in_both_databases(
    app: Flask, make_app: MakeApp, template_of: object, tmp_path: Path
) -> None:
    assert callable(template_of)
    target = tmp_path / "other" / "app.db"
    target.parent.mkdir()
    target.write_bytes(Path(template_of("sqlite").removeprefix("sqlite:///")).read_bytes())
    url = f"sqlite:///{target}"
    run = command(app, "tokens", "copy", url)
    rows = int(run.stdout.split()[0])
    for each in (app, make_app(DATABASE_URL=url)):
        assert told(each, "database.copied") == [by_command("tokens copy", rows=rows)]


def test_a_service_is_known_by_the_name_of_its_key(
    app: Flask, mara: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        key = service_keys.issue("reports", runtime_of(app).clock())
    app.test_client().post(
        f"/api/v1/tokens/{mara.open_id}/refresh",
        json={"rejected_version": 1},
        headers={"Authorization": f"Bearer {key}"},
    )
    assert told(app, "connection.refreshed") == [
        Told("service", "reports", mara.ticket, HERE, {"version": 2})
    ]
