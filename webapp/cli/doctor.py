"""`flask tokens check`: whether connections are kept fresh, as an exit code; mends nothing."""

import sys
from collections.abc import Iterable
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from webapp.cli.asking import house, show_json
from webapp.services.maintenance import doctor
from webapp.services.maintenance.check import Check


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@with_appcontext
def check(as_json: bool) -> None:
    """Check database, keys and worker for cron: 0 and `ok` if all is well, else 1 with each fix."""
    found = [each for each in doctor.keeping_checks(house()) if each.verdict != "ok"]
    if as_json:
        show_json([asdict(each) for each in found])
    elif not found:
        click.echo("ok   connections are being kept fresh")
    else:
        show_lines(found)
    sys.exit(1 if found else 0)


def show_lines(found: Iterable[Check]) -> None:
    """Print each check as `verdict name – cause – mend`, with what nothing proves yet as ok."""
    for each in found:
        cause = each.cause if each.known else f"cannot tell yet: {each.cause}"
        parts = (f"{each.verdict:4} {each.name}", cause, each.mend)
        click.echo(" – ".join(part for part in parts if part))
