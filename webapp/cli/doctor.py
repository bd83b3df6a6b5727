"""`flask doctor`, which runs every check, and `flask tokens check`, for monitoring."""

import os
import sys
from collections.abc import Iterable

import click
from flask.cli import with_appcontext

from webapp.cli.console import current_runtime, json_option, print_json, runtime_or_none
from webapp.services.maintenance.check import Check
from webapp.services.maintenance.doctor import checks, keeping_checks


@click.command()
@json_option
@with_appcontext
def doctor(as_json: bool) -> None:
    """Check settings, database, keys and TikTok.

    Prints one line for each check, with the fix if it fails. Changes nothing. Exits
    with 1 if a check fails; warnings don't count.
    """
    found = list(checks(os.environ, runtime_or_none()))
    if as_json:
        print_json([check.for_scripts() for check in found])
    else:
        _print_checks(found)
    sys.exit(1 if any(check.verdict == "FAIL" for check in found) else 0)


@click.command("check")
@json_option
@with_appcontext
def check_refreshing(as_json: bool) -> None:
    """Check that connections are kept fresh.

    For monitoring. If they are, prints one line and exits with 0; otherwise prints each problem
    with its fix and exits with 1. Doesn't call TikTok.
    """
    found = [each for each in keeping_checks(current_runtime()) if each.verdict != "ok"]
    if as_json:
        print_json([each.for_scripts() for each in found])
    elif not found:
        click.echo("ok   connections are being kept fresh")
    else:
        _print_checks(found)
    sys.exit(1 if found else 0)


def _print_checks(found: Iterable[Check]) -> None:
    """Print each check as `verdict name – cause – fix`."""
    for each in found:
        cause = each.cause if each.known else f"not known yet: {each.cause}"
        parts = (f"{each.verdict:4} {each.name}", cause, each.fix)
        click.echo(" – ".join(part for part in parts if part))
