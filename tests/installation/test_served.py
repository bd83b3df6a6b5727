"""A database belongs to the installation that first serves it, before anything is refreshed."""

from tests.commands.terminal import command
from tests.fixtures.app import MakeApp
from tests.fixtures.served import Serve
from webapp.database import reading
from webapp.models import Installation


def test_the_start_of_the_web_binds_the_database(
    serve: Serve, make_app: MakeApp, env: dict[str, str]
) -> None:
    server = serve(INSTANCE_ID=None)
    app = make_app(INSTANCE_ID="another-instance")
    with app.app_context(), reading() as session:
        bound = session.get(Installation, 1)
    assert bound is not None
    assert server.get("/healthz").status_code == 200
    refused = command(app, "tokens", "refresh", "-000whoever")
    assert refused.exit_code == 1
    assert "INSTANCE_ID" in refused.stderr
