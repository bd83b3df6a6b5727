"""Measures pages with Lighthouse: `python -m tests.looks.lighthouse`; never one beyond loopback.

It needs `npm ci` in this folder once. The app is served as in production, beside the sandbox.
Exit code 1 when a public page has less than 100 somewhere.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests import browsers, servers
from tests.journeys.http_browser import COOKIE, HttpBrowser
from tests.journeys.sites import Site, site
from tests.looks.stage import migrate
from tests.processes import plain_environment
from tests.walk import connect

PROGRAM = Path(__file__).parent / "node_modules" / ".bin" / "lighthouse"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
#: Column → the audit whose number stands in it.
FIGURES = {
    "FCP ms": "first-contentful-paint",
    "LCP ms": "largest-contentful-paint",
    "CLS": "cumulative-layout-shift",
    "TBT ms": "total-blocking-time",
    "KB": "total-byte-weight",
}
FORMS: Mapping[str, Sequence[str]] = {"mobile": (), "desktop": ("--preset=desktop",)}
#: Now and then it loses the browser's trace and says so.
TRIES = 3
CHROMIUM = " ".join(("--headless=new", *browsers.ARGS))


@dataclass(frozen=True)
class Measured:
    """A page to measure."""

    path: str
    signed_in: bool = False
    #: What is no fault of this page: categories that it need not have at 100.
    spared: frozenset[str] = frozenset()


#: An error page answers with the status of an error, which Lighthouse holds against it.
PAGES = (
    *map(Measured, ("/", "/connect", "/privacy", "/terms", "/cookies", "/api/docs")),
    Measured("/no-such-page", spared=frozenset({"best-practices", "seo"})),
    Measured("/account", signed_in=True),
)
Row = dict[str, float]


def main(words: Sequence[str] | None = None) -> int:
    """Measure, print a line a page and form, and return the exit code."""
    asked = _arguments(words)
    chromium = browsers.find_chromium()
    if chromium is None or not PROGRAM.exists():
        raise SystemExit("This needs Chromium, and `npm ci` in tests/looks")
    _say("Page", [*CATEGORIES, *FIGURES])
    _say("---", ["---:"] * len([*CATEGORIES, *FIGURES]))
    short = 0
    with _served() as (served, cookie):
        for form in asked.form or FORMS:
            for page in (p for p in PAGES if not asked.page or p.path in asked.page):
                rows = [_run(chromium, served.url, page, form, cookie) for _ in range(asked.runs)]
                row = {name: median(r[name] for r in rows) for name in rows[0]}
                _say(f"`{page.path}` {form}", _cells(row))
                short += any(row[c] < 100 for c in CATEGORIES if c not in page.spared)
    return 1 if short else 0


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.looks.lighthouse", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs a page; their median counts")
    parser.add_argument("--form", action="append", choices=FORMS, help="default: both")
    parser.add_argument("--page", action="append", metavar="PATH", help="default: all of them")
    return parser.parse_args(words)


@contextmanager
def _served() -> Iterator[tuple[Site, str]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        database_url = f"sqlite:///{folder / 'app.db'}"
        migrate(database_url)
        with (
            servers.sandbox(folder) as sandbox,
            site(sandbox, database_url, folder, LOG_LEVEL="WARNING") as served,
        ):
            browser = HttpBrowser(served.url)
            connect(browser)  # type: ignore[arg-type]  # it has what the walk needs
            yield served, browser.cookie


def _run(chromium: str, url: str, page: Measured, form: str, cookie: str) -> Row:
    words = [str(PROGRAM), url + page.path, "--quiet", "--output=json", "--output-path=stdout"]
    words += [f"--chrome-flags={CHROMIUM}", "--ignore-status-code", *FORMS[form]]
    words += [f"--only-categories={','.join(CATEGORIES)}", "--no-enable-error-reporting"]
    if page.signed_in:
        words.append("--extra-headers=" + json.dumps({"Cookie": f"{COOKIE}={cookie}"}))
    env = plain_environment() | {"CHROME_PATH": chromium}
    for _try in range(TRIES):
        done = subprocess.run(
            words, env=env, capture_output=True, text=True, timeout=180, check=False
        )
        if done.returncode == 0:
            return _row(json.loads(done.stdout), f"{page.path} {form}")
    raise SystemExit(f"Lighthouse, {page.path}: {done.stderr}")


def _row(report: dict[str, Any], where: str) -> Row:
    if error := report.get("runtimeError"):
        raise SystemExit(f"Lighthouse, {where}: {error['message']}")
    _tell(report, where)
    audits = report["audits"]
    row = {name: round(100 * report["categories"][name]["score"]) for name in CATEGORIES}
    row |= {name: audits[audit]["numericValue"] for name, audit in FIGURES.items()}
    return row | {"KB": row["KB"] / 1024}


def _tell(report: dict[str, Any], where: str) -> None:
    """Say on stderr which audits cost something."""
    for name in CATEGORIES:
        for part in report["categories"][name]["auditRefs"]:
            audit = report["audits"][part["id"]]
            if part["weight"] and audit["score"] is not None and audit["score"] < 1:
                told = f"{where}: {name}: {audit['id']} {audit['score']}"
                sys.stderr.write(f"{told} {audit.get('displayValue', '')} {audit['title']}\n")


def _cells(row: Row) -> list[str]:
    form = {"CLS": ".3f", "KB": ".1f"}
    return [f"{value:{form.get(name, '.0f')}}" for name, value in row.items()]


def _say(first: str, cells: Sequence[str]) -> None:
    sys.stdout.write(f"| {first} | {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
