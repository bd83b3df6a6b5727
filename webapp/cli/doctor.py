"""`flask tokens check`: whether connections are kept fresh, as an exit code; fixes nothing.

`flask doctor`: every check, one a line; fixes nothing.
"""

import os
import sys
from collections.abc import Iterable

import click
from flask.cli import with_appcontext

from webapp.cli.console import runtime, runtime_or_none, show_json
from webapp.services.maintenance.check import Check
from webapp.services.maintenance.doctor import checks, keeping_checks


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@with_appcontext
def check_keeping(as_json: bool) -> None:
    """Check database, keys and worker for cron: 0 and `ok` if all is well, else 1 with each fix."""
    found = [each for each in keeping_checks(runtime()) if each.verdict != "ok"]
    if as_json:
        show_json([each.for_scripts() for each in found])
    elif not found:
        click.echo("ok   connections are being kept fresh")
    else:
        print_checks(found)
    sys.exit(1 if found else 0)


def print_checks(found: Iterable[Check]) -> None:
    """Print each check as `verdict name – cause – fix`, with what nothing proves yet as ok."""
    for each in found:
        cause = each.cause if each.known else f"cannot tell yet: {each.cause}"
        parts = (f"{each.verdict:4} {each.name}", cause, each.fix)
        click.echo(" – ".join(part for part in parts if part))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@with_appcontext
def doctor(as_json: bool) -> None:
    """Check settings, database, keys, files and TikTok's answer; 1 if anything fails."""
    found = list(checks(os.environ, runtime_or_none()))
    if as_json:
        show_json([each.for_scripts() for each in found])
    else:
        print_checks(found)
    sys.exit(1 if any(check.verdict == "FAIL" for check in found) else 0)
