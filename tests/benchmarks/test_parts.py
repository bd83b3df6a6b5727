"""Each part of `python -m benchmarks` runs at a tiny size and prints its tables.

How fast anything was is not checked.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.__main__ import PARTS
from benchmarks.signing_in.sign_ins import NAIVE, POOLED
from tests.processes import ROOT, plain_environment


def tables(*words: str) -> list[dict[str, Any]]:
    """Run parts at a tiny size and return their tables."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words, "--size", "tiny", "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=plain_environment(),
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    for table in found:
        assert all(len(row) == len(table["head"]) for row in table["rows"])
        assert "Load average" in table["notes"][-1]
    return found


def column(table: dict[str, Any], name: str) -> list[str]:
    """Return the cells of the column with this head."""
    place = table["head"].index(name)
    return [row[place] for row in table["rows"]]


@pytest.mark.alone
@pytest.mark.long
def test_sign_ins_compares_the_app_with_a_naive_and_a_pooled_one() -> None:
    table, lock = tables("sign-ins")
    names = ["Coatcheck, SQLite", NAIVE, POOLED]
    assert column(table, table["head"][0]) == [f"0 ms, 2, mixed, {name}" for name in names]
    assert all(float(rate) > 0 for rate in column(table, "Sign-ins/s"))
    assert column(table, "× naive")[1] == column(table, "× pooled")[2] == "1.00"
    # It opens a connection for each of its two calls, and so shows that they are counted.
    assert column(table, "New connections per sign-in")[1] == "2.00"
    assert all(float(writes) >= 2 for writes in column(lock, "Writes per sign-in"))


@pytest.mark.alone
@pytest.mark.long
@pytest.mark.postgres
def test_sign_ins_measures_both_databases() -> None:
    table, _lock = tables("sign-ins", "--postgres")
    assert len(table["rows"]) == 4
    assert table["rows"][1][0] == "0 ms, 2, mixed, Coatcheck, PostgreSQL"


@pytest.mark.alone
@pytest.mark.long
def test_pages_compares_every_page_with_a_bare_route() -> None:
    (table,) = tables("pages")
    bare, *pages = table["rows"]
    assert bare[0] == "8, bare route"
    assert bare[2] == "100%"
    assert len(pages) > 10
    assert all(float(rate) > 0 for rate in column(table, "Responses/s"))


@pytest.mark.alone
@pytest.mark.long
def test_hand_out_compares_tokens_with_a_bare_route() -> None:
    (table,) = tables("hand-out")
    assert column(table, table["head"][0]) == [
        "2, bare route",
        "2, token, SQLite, no limit",
        "2, token, SQLite, limit on",
    ]
    assert column(table, "Of bare route")[0] == "100%"
    assert all(float(rate) > 0 for rate in column(table, "Responses/s"))


@pytest.mark.alone
@pytest.mark.long
def test_refreshes_shows_that_no_token_was_spent_twice_and_no_grant_was_lost() -> None:
    (table,) = tables("refreshes")
    loops = ["sequential, new session each", "32 threads, session held", "worker"]
    assert column(table, "Loop") == [f"https, SQLite, {loop}" for loop in loops]
    assert set(column(table, "Spent tokens sent") + column(table, "Lost")) == {"0"}
    assert all(float(rate) > 0 for rate in column(table, "Refreshes/s"))


@pytest.mark.long
def test_claims_shows_how_long_a_claim_takes_among_that_many_rows() -> None:
    (table,) = tables("claims")
    assert column(table, "Database, due rows") == ["SQLite, 200", "SQLite, 400"]
    assert all(float(time) > 0 for time in column(table, "Median ms"))


@pytest.mark.alone
@pytest.mark.long
def test_operators_compares_every_page_with_the_same_page_of_a_small_database() -> None:
    pages, exports = tables("operators")
    assert len(pages["rows"]) > 25
    assert all(float(ratio) > 0 for ratio in column(pages, "Ratio"))
    assert column(exports, "Export") == ["csv, 200", "json, 200", "csv, 600", "json, 600"]


@pytest.mark.long
def test_memory_shows_the_web_server_over_time_and_a_worker_with_calls_in_flight() -> None:
    (table,) = tables("memory")
    assert column(table, "Process") == [
        "web, at the start",
        "web, after 100 requests",
        "web, after 200 requests",
        "worker, refreshing over TLS",
    ]
    sizes = zip(column(table, "PSS MB"), column(table, "RSS MB"), strict=True)
    assert all(0 < int(pss) <= int(rss) for pss, rss in sizes)
    # A thread for each call.
    assert int(column(table, "Threads")[-1]) > 20


@pytest.mark.alone
@pytest.mark.long
def test_start_compares_the_app_with_flask_alone() -> None:
    (table,) = tables("start")
    starts = ["python -c pass", "import flask", "import wsgi", "flask --help"]
    assert column(table, "Start") == [*starts, "gunicorn, first answer"]
    assert all(int(time) > 0 for time in column(table, "Wall ms"))


def test_every_part_is_run_by_a_test_of_this_file() -> None:
    own = (ROOT / "tests" / "benchmarks" / "test_parts.py").read_text(encoding="utf-8")
    assert [name for name in PARTS if f'tables("{name}"' not in own] == []
