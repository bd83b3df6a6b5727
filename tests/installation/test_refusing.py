"""What a foreign database or a late worker changes: nothing is refreshed, pages go on."""

import shutil
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from tests.commands.people import join, row
from tests.commands.terminal import command
from tests.fixtures.app import MakeApp
from tests.fixtures.served import Serve
from tests.movable import MovableClock
from tests.servers import Sandbox
from webapp.database import writing
from webapp.models import Brakes, Installation
from webapp.services.installation import binding
from webapp.services.maintenance import health, machine_checks
from webapp.services.refresh import breaker, claims, on_demand
from webapp.services.runtime import Runtime
from webapp.services.worker.worker import Worker

each_database = pytest.mark.usefixtures("each_database")


@pytest.fixture
def foreign(make_app: MakeApp, sandbox: Sandbox) -> Flask:
    """An app on a database of another installation, with Mara in it."""
    ours = make_app()
    with ours.app_context():
        assert binding.mismatch(ours.extensions["coatcheck"]) is None
        join(ours.extensions["coatcheck"], sandbox, "mara")
    return make_app(INSTANCE_ID="another-instance")


def runtime_of(app: Flask) -> Runtime:
    runtime: Runtime = app.extensions["coatcheck"]
    return runtime


def ready(app: Flask) -> tuple[int, dict[str, Any]]:
    answer = app.test_client().get("/readyz")
    return answer.status_code, answer.get_json()


@each_database
def test_a_token_with_life_left_is_given_and_an_expired_one_is_not_refreshed(
    foreign: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    open_id = sandbox.open_id("mara")
    with foreign.app_context():
        runtime = runtime_of(foreign)
        clock.advance(minutes=118)
        assert on_demand.fresh_access(runtime, open_id).warnings == ("refresh_pending",)
        clock.advance(minutes=5)
        with pytest.raises(on_demand.Pending):
            on_demand.fresh_access(runtime, open_id)
        with pytest.raises(on_demand.Pending):
            on_demand.fresh_access(runtime, open_id, pressed=True)
        assert row(runtime, open_id).claim is None
    assert sandbox.calls("token.refresh_token") == 0


@each_database
def test_a_worker_that_is_running_stops_when_the_database_is_copied_away(
    app: Flask, sandbox: Sandbox, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.app_context():
        runtime = runtime_of(app)
        open_id = join(runtime, sandbox, "mara", next_at=clock())
        worker = Worker(runtime, app.app_context)

        def claim_beside_a_copy(*words: Any) -> list[claims.Claim]:
            found = claims.claim_due(*words)
            with writing() as session:
                session.execute(update(Installation).values(moved_at=clock()))
            return found

        monkeypatch.setattr("webapp.services.worker.worker.claim_due", claim_beside_a_copy)
        worker.run()
        assert worker.refused is not None
        assert "copied to another database" in worker.refused.cause
        assert (row(runtime, open_id).claim, row(runtime, open_id).status) == (None, "active")
    assert sandbox.calls("token.refresh_token") == 0


@each_database
def test_pages_go_on_and_readiness_tells(foreign: Flask) -> None:
    status, said = ready(foreign)
    assert (status, said["status"], said["faults"]) == (200, "degraded", [])
    assert [doubt["name"] for doubt in said["doubts"]] == ["INSTANCE_ID"]
    assert "another-instance" not in str(said)
    assert foreign.test_client().get("/").status_code == 200


def test_the_doctor_fails_with_what_to_do(foreign: Flask, env: dict[str, str]) -> None:
    run = command(foreign, "doctor", env=env)
    assert run.exit_code == 1
    (line,) = [line for line in run.stdout.splitlines() if " installation " in line]
    assert line.startswith("FAIL installation – the database has belonged to another installation")
    assert "flask tokens adopt" in line


@pytest.mark.long
def test_gunicorn_says_it_once_loudly_and_serves(
    app: Flask, serve: Serve, sandbox: Sandbox
) -> None:
    with app.app_context():
        assert binding.mismatch(runtime_of(app)) is None
    server = serve(workers=2, INSTANCE_ID="another-instance")
    assert server.log().count("belonged to another installation") == 1
    assert server.get("/readyz").json()["status"] == "degraded"


@each_database
@pytest.mark.parametrize(("minutes", "word"), [(4, "ok"), (6, "degraded"), (600, "degraded")])
def test_a_late_worker_is_told_and_takes_no_web_process_away(
    app: Flask, sandbox: Sandbox, clock: MovableClock, minutes: int, word: str
) -> None:
    with app.app_context():
        join(runtime_of(app), sandbox, "mara", next_at=clock() - timedelta(minutes=minutes))
    status, said = ready(app)
    assert (status, said["status"]) == (200, word)
    assert [doubt["name"] for doubt in said["doubts"]] == ([] if word == "ok" else ["worker"])


@each_database
def test_a_claim_whose_worker_died_counts_as_late_once_its_lease_is_over(
    app: Flask, sandbox: Sandbox, clock: MovableClock
) -> None:
    with app.app_context():
        open_id = join(runtime_of(app), sandbox, "mara", next_at=clock())
        assert claims.claim_one(runtime_of(app), row(runtime_of(app), open_id).ref, clock())
    assert ready(app)[1]["status"] == "ok"
    clock.advance(minutes=7)
    assert [doubt["name"] for doubt in ready(app)[1]["doubts"]] == ["worker"]


@each_database
def test_an_open_breaker_and_a_rescue_file_are_told(
    app: Flask, clock: MovableClock, env: dict[str, str]
) -> None:
    with app.app_context():
        runtime = runtime_of(app)
        breaker.current(runtime)
        with writing() as session:
            opened = {"open_reason": "config", "open_code": "invalid_client", "probe_at": clock()}
            session.execute(update(Brakes).values(**opened))
    runtime.rescue_file.write_text("", encoding="utf-8")
    doubts = {doubt["name"]: doubt["cause"] for doubt in ready(app)[1]["doubts"]}
    assert doubts.keys() == {"breaker", "rescue"}
    assert "TikTok does not accept this app (invalid_client)" in doubts["breaker"]
    said = command(app, "doctor", env=env).stdout
    assert "\nwarn breaker – refreshes are paused: TikTok does not accept" in said
    assert f"\nwarn rescue – {runtime.rescue_file} contains responses from TikTok" in said


@pytest.mark.rule(53)
@each_database
def test_the_doctor_counts_people_of_another_client_key(
    app: Flask, sandbox: Sandbox, env: dict[str, str]
) -> None:
    with app.app_context():
        join(runtime_of(app), sandbox, "mara")
        join(runtime_of(app), sandbox, "tomas", client_key="another-app")
    said = command(app, "doctor", env=env).stdout
    assert "warn people – 1 connection needs another TIKTOK_CLIENT_KEY" in said


@each_database
def test_a_disk_that_is_nearly_full_is_told_by_every_check(
    app: Flask, env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ready(app)[1]["status"] == "ok"
    real = shutil.disk_usage
    nearly_full = real("/")._replace(free=machine_checks.LOW_DISK - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: nearly_full)
    status, said = ready(app)
    assert (status, said["status"], said["faults"]) == (200, "degraded", [])
    (doubt,) = said["doubts"]
    assert doubt["name"] == "disk"
    assert doubt["cause"].startswith("only 199 MB free on the disk")
    with app.app_context():
        facts = health.health_facts(runtime_of(app), runtime_of(app).clock())
        assert [problem.name for problem in facts.troubles] == ["disk"]
    doctor = command(app, "doctor", env=env).stdout
    assert doctor.count("warn disk – only 199 MB free") == 1
    assert "ok   worker" in doctor
    checked = command(app, "tokens", "check", env=env).stdout
    assert "disk" in checked


def test_a_disk_that_cannot_be_asked_is_no_doubt(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: object) -> None:
        raise PermissionError

    monkeypatch.setattr(shutil, "disk_usage", fail)
    assert ready(app)[1]["doubts"] == []
