"""`flask keys`: issued once and alone, revoked at once, listed without the key itself."""

import json
import re
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256

import pytest
import structlog
from flask import Flask
from flask.testing import FlaskCliRunner
from sqlalchemy import text

from tests.api.asking import Service
from tests.movable import MovableClock
from tests.processes import ROOT, plain_environment
from webapp.database import reading
from webapp.logs import Masking
from webapp.services.handout import service_keys

KEY = re.compile(r"cck_[0-9a-f]{12}_[0-9a-f]{64}")


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    """Runs commands of the app in this process."""
    return app.test_cli_runner()


@pytest.mark.usefixtures("each_database")
def test_a_key_is_printed_once_alone_and_kept_as_a_hash(
    app: Flask, runner: FlaskCliRunner, mara: str
) -> None:
    run = runner.invoke(args=["keys", "issue", "reports"])
    assert run.exit_code == 0
    key = run.stdout.removesuffix("\n")
    assert KEY.fullmatch(key)
    assert Service(app.test_client(), key).get(mara).status_code == 200
    with app.app_context(), reading() as session:
        row = str(session.execute(text("SELECT * FROM service_keys")).one())
    assert key[17:] not in row
    assert key not in run.stderr


def test_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(
        service_keys.hmac, "compare_digest", lambda ours, theirs: seen.append((ours, theirs))
    )
    service_keys.is_key("cck_made_up", "0" * 64)
    assert seen == [(sha256(b"cck_made_up").hexdigest(), "0" * 64)]


def test_two_keys_share_nothing(app: Flask, clock: MovableClock) -> None:
    with app.app_context():
        one, other = (service_keys.issue(name, clock()) for name in ("one", "other"))
    assert len(bytes.fromhex(one[17:])) * 8 == 256
    assert one[:16] != other[:16]
    assert one[17:] != other[17:]


@pytest.mark.usefixtures("each_database")
def test_a_name_is_given_once_even_if_its_key_was_revoked(runner: FlaskCliRunner) -> None:
    assert runner.invoke(args=["keys", "issue", "reports"]).exit_code == 0
    again = runner.invoke(args=["keys", "issue", "reports"])
    assert (again.exit_code, again.stdout) == (1, "")
    assert "there is already a key named reports" in again.stderr
    assert runner.invoke(args=["keys", "revoke", "reports"]).exit_code == 0
    assert runner.invoke(args=["keys", "issue", "reports"]).exit_code == 1


@pytest.mark.parametrize("name", ["", " ", " x", "a\nb", "\x1b[31m", "x" * 65, "\u202e"])
def test_a_name_that_could_forge_a_line_is_refused(runner: FlaskCliRunner, name: str) -> None:
    run = runner.invoke(args=["keys", "issue", name])
    assert (run.exit_code, run.stdout) == (1, "")
    assert "printable" in run.stderr


@pytest.mark.usefixtures("each_database")
def test_revoking_says_whether_it_was_done_and_twice_is_once(runner: FlaskCliRunner) -> None:
    runner.invoke(args=["keys", "issue", "reports"])
    assert runner.invoke(args=["keys", "revoke", "reports"]).stdout == "reports is revoked\n"
    first = json.loads(runner.invoke(args=["keys", "list", "--json"]).stdout)
    again = runner.invoke(args=["keys", "revoke", "reports"])
    assert (again.exit_code, again.stdout) == (0, "reports was already revoked\n")
    assert json.loads(runner.invoke(args=["keys", "list", "--json"]).stdout) == first
    unknown = runner.invoke(args=["keys", "revoke", "nobody"])
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "there is no key named nobody" in unknown.stderr


def test_the_list_tells_all_but_the_keys(
    app: Flask, runner: FlaskCliRunner, service: Service, mara: str, clock: MovableClock
) -> None:
    service.get(mara)
    runner.invoke(args=["keys", "issue", "unused"])
    runner.invoke(args=["keys", "revoke", "unused"])
    rows = json.loads(runner.invoke(args=["keys", "list", "--json"]).stdout)
    assert {row["name"]: row["last_used_at"] for row in rows} == {
        "reports": clock().isoformat(),
        "unused": None,
    }
    assert {row["name"]: row["revoked_at"] is not None for row in rows} == {
        "reports": False,
        "unused": True,
    }
    plain = runner.invoke(args=["keys", "list"]).stdout
    assert "active" in plain
    assert "never used" in plain
    assert service.key[17:] not in plain + str(rows)


def test_an_empty_list_says_what_to_do(runner: FlaskCliRunner) -> None:
    run = runner.invoke(args=["keys", "list"])
    assert (run.exit_code, run.stdout) == (0, "")
    assert "flask keys issue NAME" in run.stderr


@pytest.mark.usefixtures("each_database")
def test_the_last_use_is_written_at_most_hourly(
    app: Flask, service: Service, mara: str, clock: MovableClock
) -> None:
    def last_use() -> list[object]:
        with app.app_context():
            return [key.last_used_at for key in service_keys.list_all()]

    first = clock()
    service.get(mara)
    clock.advance(minutes=59)
    service.get(mara)
    assert last_use() == [first]
    clock.advance(minutes=1)
    service.get("-nobody")
    assert last_use() == [first + timedelta(hours=1)]


def test_issuing_and_revoking_are_in_the_log_and_the_key_is_not(
    app: Flask, clock: MovableClock
) -> None:
    with app.app_context(), structlog.testing.capture_logs() as lines:
        key = service_keys.issue("reports", clock())
        service_keys.revoke("reports", clock())
    told = [(line["event"], line["name"], line["key"]) for line in lines]
    public = key[4:16]
    assert told == [
        ("service_key_issued", "reports", public),
        ("service_key_revoked", "reports", public),
    ]
    assert key[17:] not in str(lines)


def test_a_key_that_slips_into_a_line_is_masked_but_for_its_public_part(service: Service) -> None:
    line = Masking().text(f"sent {service.key} by mistake")
    assert line == f"sent {service.key[:17]}*** by mistake"


@pytest.mark.long
def test_with_nothing_configured_it_says_what_is_missing() -> None:

    run = subprocess.run(
        [sys.executable, "-m", "flask", "keys", "issue", "reports"],
        cwd=ROOT,
        env=plain_environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 1
    assert run.stdout == ""
    assert "TIKTOK_CLIENT_KEY" in run.stderr


def test_a_key_is_found_by_its_public_id_and_by_nothing_else(
    app: Flask, clock: MovableClock
) -> None:
    with app.app_context():
        key = service_keys.issue("reports", clock())
        public = service_keys.public_id(key)
        assert public is not None
        found = service_keys.find(public)
        assert found == service_keys.KeyRow(public, "reports", clock(), None, None)
        for other in ("", "0" * 12, key, "reports"):
            assert service_keys.find(other) is None
