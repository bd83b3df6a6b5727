"""Moving to PostgreSQL by the steps in docs/operate.md."""

from collections.abc import Iterator, Mapping

import pytest

from tests import databases
from tests.commands.people import join, join_due
from tests.commands.terminal import flask
from tests.fixtures.served import Serve
from tests.processes import ROOT
from tests.servers import Sandbox
from webapp.services.installation import binding
from webapp.services.runtime import Runtime

STEPS = ("flask db upgrade", "flask tokens copy", "flask doctor", "gunicorn wsgi:app")


@pytest.fixture
def empty(postgres_server: databases.Postgres) -> Iterator[str]:
    """A PostgreSQL database with nothing in it."""
    url = postgres_server.create()
    yield url.render_as_string(hide_password=False)
    postgres_server.drop(url)


@pytest.mark.long
@pytest.mark.postgres
def test_the_steps_move_an_installation(
    runtime: Runtime, sandbox: Sandbox, env: Mapping[str, str], empty: str, serve: Serve
) -> None:
    assert binding.mismatch(runtime) is None
    join_due(runtime, sandbox, "mara", "tomas")
    join(runtime, sandbox, "aiko")
    new = env | {"DATABASE_URL": empty}
    assert flask(new, "db", "upgrade").returncode == 0
    copied = flask(env, "tokens", "copy", empty)
    assert copied.returncode == 0, copied.stderr
    assert flask(new, "doctor").returncode == 0
    server = serve(DATABASE_URL=empty)
    assert server.get("/readyz").json()["status"] == "ok"
    worked = flask(new, "tokens", "run", "--once")
    assert (worked.returncode, worked.stdout) == (0, "refreshed 2\n"), worked.stderr
    assert flask(env, "tokens", "run", "--once").returncode == 1
    assert sandbox.counters()["spent_refresh_tokens_seen"] == 0


def test_the_docs_name_these_steps_in_this_order() -> None:
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    section = text.partition("## Move to PostgreSQL")[2].partition("\n## ")[0]
    places = [section.find(step) for step in STEPS]
    assert -1 not in places
    assert places == sorted(places)
