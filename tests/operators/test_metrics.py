"""/metrics: for its token alone, parsed by Prometheus' own parser, and there without a database."""

import secrets
import time
from datetime import timedelta

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text
from werkzeug.test import TestResponse

from tests.fixtures.app import MakeApp
from tests.operators.test_health import opened
from tests.views.connections import connection, runtime_of
from webapp.database import db, writing
from webapp.models import Health
from webapp.services.records import figures
from webapp.views.api.metrics import release

pytestmark = pytest.mark.usefixtures("each_database")
TOKEN = secrets.token_urlsafe(32)
Samples = dict[tuple[str, tuple[str, ...]], float]


def asked(app: Flask, token: str = TOKEN) -> TestResponse:
    """Ask for /metrics as a scraper does."""
    client = app.test_client()
    return client.get("/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})


def samples(app: Flask) -> Samples:
    """Return (name, values of its labels) → value."""
    answer = asked(app)
    assert answer.status_code == 200, answer.text
    families = list(text_string_to_metric_families(answer.text))
    assert all(family.name.startswith("coatcheck_") for family in families)
    assert all(family.documentation for family in families)
    return {(s.name, tuple(s.labels.values())): s.value for f in families for s in f.samples}


def test_without_a_token_in_the_settings_there_is_no_such_page(app: Flask) -> None:
    assert asked(app).status_code == 404


@pytest.mark.parametrize(
    "token",
    ["", "wrong", TOKEN[:-1], TOKEN + "x", "ü"],
    ids=("none", "wrong", "cut", "more", "odd"),
)
def test_whoever_does_not_show_the_token_is_refused(make_app: MakeApp, token: str) -> None:
    answer = asked(make_app(METRICS_TOKEN=TOKEN), token)
    assert (answer.status_code, answer.text) == (401, "")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_fleet_is_told_as_it_is(make_app: MakeApp) -> None:
    app = make_app(METRICS_TOKEN=TOKEN)
    runtime = runtime_of(app)
    rows = [connection(app, n, health) for n, health in enumerate((Health.FRESH, Health.RECONNECT))]
    opened(app)
    words = {"refreshed": 7, "failed.transient": 2, "revoked": 1, "ms.100": 4, "ms.10000": 5}
    with app.app_context(), writing() as session:
        figures.add_counts(session, runtime.settings.tiktok_client_key, runtime.clock(), words)
    with app.app_context(), db.engine.begin() as connected:
        late = runtime.clock() - timedelta(hours=1)
        connected.execute(
            text("UPDATE users SET next_at = :late WHERE id = :id"),
            {"late": late.replace(tzinfo=None) if late.tzinfo else late, "id": rows[0].id},
        )
    found = samples(app)
    assert found["coatcheck_build_info", (release(),)] == 1
    assert found["coatcheck_database_up", ()] == 1
    assert found["coatcheck_refreshes_total", ("refreshed",)] == 7
    assert found["coatcheck_refreshes_total", ("transient",)] == 2
    assert found["coatcheck_refreshes_total", ("config",)] == 0
    assert found["coatcheck_revocations_total", ()] == 1
    assert found["coatcheck_connections", ("healthy",)] == 1
    assert found["coatcheck_connections", ("reconnect",)] == 1
    assert found["coatcheck_worker_lag_seconds", ()] == 3600
    assert found["coatcheck_breaker_open", ("transient",)] == 1
    assert found["coatcheck_breaker_open", ("config",)] == 0
    assert found["coatcheck_tiktok_answer_seconds_bucket", ("0.1",)] == 4
    assert found["coatcheck_tiktok_answer_seconds_bucket", ("5.0",)] == 4
    assert found["coatcheck_tiktok_answer_seconds_bucket", ("+Inf",)] == 9
    assert found["coatcheck_trouble", ("breaker",)] == 1
    told = asked(app).text
    for row in rows:
        assert row.open_id not in told
        assert row.ticket not in told


def test_requests_are_counted_by_endpoint_and_class_and_made_up_words_are_not(
    make_app: MakeApp,
) -> None:
    app = make_app(METRICS_TOKEN=TOKEN)
    client = app.test_client()
    name = "coatcheck_http_requests_total"
    before = samples(app)
    for _time in range(3):
        client.get("/cookies")
    client.open("/cookies", method="BREW")
    client.get("/made-up-address")
    after = samples(app)

    def grown(*labels: str) -> float:
        return after.get((name, labels), 0) - before.get((name, labels), 0)

    assert grown("home.cookies", "GET", "2xx") == 3
    assert grown("none", "other", "4xx") == 1
    assert grown("none", "GET", "4xx") == 1
    assert "BREW" not in asked(app).text
    assert "made-up-address" not in asked(app).text


def test_with_the_database_away_it_answers_with_what_it_has(make_app: MakeApp) -> None:
    app = make_app(METRICS_TOKEN=TOKEN)
    with app.app_context(), db.engine.begin() as connected:
        connected.execute(text("ALTER TABLE users RENAME TO people"))
    found = samples(app)
    assert found["coatcheck_database_up", ()] == 0
    assert found["coatcheck_build_info", (release(),)] == 1
    assert ("coatcheck_worker_lag_seconds", ()) not in found


def test_writes_are_counted_with_their_wait_and_their_length(make_app: MakeApp) -> None:
    app = make_app(METRICS_TOKEN=TOKEN)
    before = samples(app)
    with app.app_context():
        with writing():
            time.sleep(0.03)
        with pytest.raises(ZeroDivisionError), writing():
            _ = 1 / 0
    after = samples(app)

    def more(name: str, *labels: str) -> float:
        return after[name, labels] - before.get((name, labels), 0)

    assert more("coatcheck_write_hold_seconds_count") == 2
    assert more("coatcheck_write_hold_seconds_bucket", "0.025") == 1
    assert more("coatcheck_write_hold_seconds_sum") >= 0.03
    assert more("coatcheck_write_wait_seconds_count") == 2
