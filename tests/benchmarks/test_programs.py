"""Each benchmark runs at a tiny size and prints its table. Times are not checked."""

import subprocess
import sys

import pytest

from tests.processes import ROOT, plain_environment


def table(program: str, *options: str) -> list[list[str]]:
    """Run a benchmark and return the cells of its table, without the separator line."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{program}", *options],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=plain_environment(),
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    head, _line, *rows = done.stdout.splitlines()
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in (head, *rows)]


def assert_nothing_lost(rows: list[list[str]]) -> None:
    """Fail unless every loop was measured and stored every grant it refreshed, once."""
    head, *measured = rows
    assert head[4:] == ["Spent tokens sent", "Lost"]
    assert {tuple(row[4:]) for row in measured} == {("0", "0")}
    assert all(float(row[1]) > 0 for row in measured)


@pytest.mark.alone
@pytest.mark.long
def test_refreshing_shows_that_no_token_was_spent_twice_and_no_grant_was_lost() -> None:
    tiny = ("--runs", "1", "--rows", "20", "--sequential", "2", "--latency", "0.05")
    rows = table("refreshing", *tiny, "--wires", "https", "--loops", "sequential", "worker")
    assert [row[0] for row in rows[1:]] == ["https, sequential, new session each", "https, worker"]
    assert_nothing_lost(rows)


@pytest.mark.alone
@pytest.mark.long
def test_refreshing_compares_three_loops_over_two_wires() -> None:
    tiny = ("--runs", "1", "--rows", "20", "--pooled", "8", "--sequential", "2")
    rows = table("refreshing", *tiny, "--latency", "0.05")
    assert [row[0].partition(",")[0] for row in rows[1:]] == ["http"] * 3 + ["https"] * 3
    loops = ["sequential", "32 threads", "worker"]
    assert [row[0].split(", ")[1] for row in rows[1:]] == loops * 2
    assert_nothing_lost(rows)


@pytest.mark.alone
@pytest.mark.long
def test_handing_out_compares_the_app_with_a_bare_route() -> None:
    tiny = ("--rounds", "1", "--seconds", "0.2", "--rows", "50", "--connections", "2")
    head, *rows = table("handing_out", *tiny, "--keys", "2")
    assert head[2] == "Share of bare route"
    assert [row[0] for row in rows] == ["2, bare route", "2, token, no limit", "2, token, limit on"]
    assert rows[0][2] == "100%"
    assert all(float(row[1]) > 0 for row in rows)


@pytest.mark.long
def test_claiming_shows_how_long_a_claim_takes_among_that_many_rows() -> None:
    head, *rows = table("claiming", "--rows", "200", "400", "--claims", "4", "--most", "8")
    assert head[1] == "Median ms"
    assert [row[0] for row in rows] == ["SQLite, 200", "SQLite, 400"]
    assert all(float(row[1]) > 0 for row in rows)


@pytest.mark.alone
@pytest.mark.long
def test_operators_pages_compares_every_page_with_the_same_page_of_a_small_database() -> None:
    tiny = ("--people", "600", "--small", "200", "--rounds", "1")
    head, *rows = table("operators_pages", *tiny)
    assert head[-1] == "Ratio"
    pages, exports = rows[:-6], rows[-4:]
    assert len(pages) > 25
    assert all(float(row[-1]) > 0 for row in pages)
    assert [row[0] for row in exports] == ["csv, 200", "json, 200", "csv, 600", "json, 600"]


@pytest.mark.long
def test_memory_shows_the_web_server_over_time_and_a_worker_with_calls_in_flight() -> None:
    tiny = ("--requests", "200", "--steps", "2", "--clients", "4", "--people", "100")
    head, *rows = table("memory", *tiny, "--rows", "40", "--latency", "1")
    assert head[1:] == ["PSS MB", "RSS MB", "Threads"]
    names = ["web, at the start", "web, after 100 requests", "web, after 200 requests"]
    assert [row[0] for row in rows] == [*names, "worker, refreshing over TLS"]
    assert all(0 < int(row[1]) <= int(row[2]) for row in rows)
    # Every thread that calls was there.
    assert int(rows[-1][3]) > 40
