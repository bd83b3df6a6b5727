"""`flask tokens copy`: everything moves to another database of either kind, or nothing does."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, create_engine, insert, select

from tests import databases
from tests.commands.people import join, join_due, row
from tests.commands.terminal import command
from tests.fixtures.app import MakeApp
from tests.servers import Sandbox
from tests.services.grants import sign_in
from webapp.database import Base, db, reading, writing
from webapp.models import Installation, ServiceKey, User
from webapp.services.installation import binding
from webapp.services.refresh import claims
from webapp.services.runtime import Runtime

MakeDatabase = Callable[..., str]


@pytest.fixture
def database(
    request: pytest.FixtureRequest, tmp_path: Path, template_of: Callable[[str], str]
) -> Iterator[MakeDatabase]:
    """A function: kind → URL of another database of this test's own, migrated and empty."""
    made = []

    def make(kind: str) -> str:
        template = template_of(kind)
        if kind == "sqlite":
            path = tmp_path / "other" / "app.db"
            path.parent.mkdir()
            path.write_bytes(Path(template.removeprefix("sqlite:///")).read_bytes())
            return f"sqlite:///{path}"
        server: databases.Postgres = request.getfixturevalue("postgres_server")
        made.append((server, server.create(databases.make_url(template))))
        return made[-1][1].render_as_string(hide_password=False)

    yield make
    for server, url in made:
        server.drop(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def target(request: pytest.FixtureRequest, database: MakeDatabase) -> str:
    """Where to copy to."""
    return database(request.param)


@pytest.fixture
def filled(runtime: Runtime, sandbox: Sandbox) -> Runtime:
    """A runtime with something in every table."""
    mara, *_others = join_due(runtime, sandbox, "mara", "tomas", "aiko")
    sign_in(runtime, row(runtime, mara).ref)
    assert binding.mismatch(runtime) is None
    with writing() as session:
        key = {"id": "k1", "name": "billing", "digest": "0" * 64, "created_at": runtime.clock()}
        session.execute(insert(ServiceKey), key)
    return runtime


def contents(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Return every row of every table except the binding."""
    with engine.connect() as connection:
        return {
            table.name: [
                dict(each._mapping)
                for each in connection.execute(select(table).order_by(*table.primary_key))
            ]
            for table in Base.metadata.sorted_tables
            if table.name != Installation.__tablename__
        }


@pytest.mark.usefixtures("each_database")
def test_all_rows_arrive_as_they_were(
    app: Flask, filled: Runtime, target: str, make_app: MakeApp
) -> None:
    before = contents(db.engine)
    run = command(app, "tokens", "copy", target)
    assert (run.exit_code, run.stderr.splitlines()[-1][:7]) == (0, "Copied:")
    after = contents(db.engine)
    assert f"{sum(map(len, after.values()))} rows copied and counted" in run.stdout
    # Both databases record the copy.
    assert [event["event"] for event in after["audit_events"]][-1] == "database.copied"
    grown = {"audit_events": after["audit_events"][:-1], "audit_chain": before["audit_chain"]}
    assert after | grown == before
    assert after["audit_chain"] != before["audit_chain"]
    assert "The old one is marked as moved" in run.stdout
    engine = create_engine(target)
    assert contents(engine) == after
    engine.dispose()
    there = make_app(DATABASE_URL=target)
    for each in (app, there):
        assert command(each, "audit", "verify").exit_code == 0


@pytest.mark.usefixtures("each_database")
def test_the_new_one_refreshes_and_takes_people_and_the_old_one_refreshes_nothing(
    app: Flask, filled: Runtime, target: str, make_app: MakeApp, sandbox: Sandbox
) -> None:
    assert command(app, "tokens", "copy", target).exit_code == 0
    there = make_app(DATABASE_URL=target)
    assert command(there, "tokens", "run", "--once").stdout == "refreshed 3\n"
    with there.app_context():
        # The next id must be one that no copied row has.
        join(there.extensions["coatcheck"], sandbox, "jo")
    assert there.test_client().get("/readyz").get_json()["status"] == "ok"
    old = command(app, "tokens", "run", "--once")
    assert old.exit_code == 1
    assert "copied to another database" in old.stderr
    assert sandbox.counters()["spent_refresh_tokens_seen"] == 0


@pytest.mark.usefixtures("each_database")
def test_a_database_that_nothing_has_bound_yet_is_marked_as_moved_as_well(
    app: Flask, runtime: Runtime, target: str, sandbox: Sandbox, make_app: MakeApp
) -> None:
    join_due(runtime, sandbox, "mara")
    with reading() as session:
        assert session.get(Installation, 1) is None
    assert command(app, "tokens", "copy", target).exit_code == 0
    mismatch = binding.mismatch(runtime)
    assert mismatch is not None
    assert "copied to another database" in mismatch.cause
    old = command(app, "tokens", "run", "--once")
    assert (old.exit_code, sandbox.calls("token")) == (1, 0)
    there = make_app(DATABASE_URL=target)
    assert command(there, "tokens", "run", "--once").stdout == "refreshed 1\n"


@pytest.mark.usefixtures("each_database")
def test_a_target_that_its_first_migration_has_bound_counts_as_empty(
    app: Flask, filled: Runtime, target: str, make_app: MakeApp
) -> None:
    there = make_app(DATABASE_URL=target)
    assert command(there, "db", "upgrade").exit_code == 0
    with there.app_context(), reading() as session:
        assert session.get(Installation, 1) is not None
    assert command(app, "tokens", "copy", target).exit_code == 0
    assert command(there, "tokens", "run", "--once").stdout == "refreshed 3\n"


@pytest.mark.usefixtures("each_database")
def test_the_new_one_gives_nobody_the_id_of_a_person_who_was_deleted_in_the_old_one(
    app: Flask, filled: Runtime, target: str, make_app: MakeApp, sandbox: Sandbox
) -> None:
    with writing() as session:
        newest = session.scalars(select(User).order_by(User.id.desc()).limit(1)).one()
        session.delete(newest)
    assert command(app, "tokens", "copy", target).exit_code == 0
    there = make_app(DATABASE_URL=target)
    with there.app_context():
        (newcomer,) = join_due(there.extensions["coatcheck"], sandbox, "jo")
        assert row(there.extensions["coatcheck"], newcomer).id > newest.id


def test_more_rows_than_a_batch_all_arrive(
    app: Flask, runtime: Runtime, target: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webapp.services.maintenance.copy_database.BATCH", 2)
    join_due(runtime, sandbox, "mara", "tomas", "aiko", "jo", "soren")
    said = "22 rows copied"  # five people, ten words, five connects, the copy itself, and the chain
    assert said in command(app, "tokens", "copy", target).stdout


@pytest.mark.usefixtures("each_database")
def test_a_target_with_rows_is_refused_and_left_as_it_was(
    app: Flask, filled: Runtime, target: str
) -> None:
    assert command(app, "tokens", "copy", target).exit_code == 0
    binding.adopt(filled)
    run = command(app, "tokens", "copy", target)
    assert (run.exit_code, run.stdout) == (1, "")
    assert "nothing was copied: the other database is not empty: there are rows in" in run.stderr
    assert binding.mismatch(filled) is None, "the old one was marked as moved all the same"


@pytest.mark.usefixtures("each_database")
def test_while_a_refresh_is_under_way_it_is_refused(
    app: Flask, filled: Runtime, target: str
) -> None:
    claims.claim_due(filled, 1, filled.clock())
    run = command(app, "tokens", "copy", target)
    assert run.exit_code == 1
    assert "1 refreshes are in progress: stop the worker" in run.stderr
    engine = create_engine(target)
    assert not any(contents(engine).values())
    engine.dispose()


def test_an_abandoned_claim_does_not_stop_it(
    app: Flask, filled: Runtime, target: str, sandbox: Sandbox
) -> None:
    (due, *_rest) = join_due(filled, sandbox, "mara")
    long_ago = filled.clock() - claims.LEASE - timedelta(seconds=1)
    assert claims.claim_one(filled, row(filled, due).ref, long_ago, back_off=False)
    assert command(app, "tokens", "copy", target).exit_code == 0


def test_answers_in_the_rescue_file_come_first(app: Flask, filled: Runtime, target: str) -> None:
    filled.rescue_file.write_text("", encoding="utf-8")
    run = command(app, "tokens", "copy", target)
    assert run.exit_code == 1
    assert "flask tokens rescue" in run.stderr


def test_a_target_that_is_not_a_migrated_database_is_refused(
    app: Flask, runtime: Runtime, tmp_path: Path, migrated: str
) -> None:
    for url, why in {
        f"sqlite:///{tmp_path}/none.db": "flask db upgrade",
        migrated: "in use now",
        "postgresql://somebody:made-up-pass@127.0.0.1:9/none": "isn't responding",
        "mongodb://somewhere/none": "not a database URL that can be used",
        "nonsense": "not a database URL that can be used",
    }.items():
        run = command(app, "tokens", "copy", url)
        assert run.exit_code == 1
        assert why in run.stderr
        assert "made-up-pass" not in run.output
    assert not (tmp_path / "none.db").exists()
    assert binding.mismatch(runtime) is None
