"""`flask doctor`: every check, one a line; mends nothing."""

import os
import sys
from dataclasses import asdict

import click
from flask.cli import with_appcontext

from webapp.cli.asking import house_or_none, show_json
from webapp.cli.checking import show_lines
from webapp.services.maintenance import doctor as examination


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@with_appcontext
def doctor(as_json: bool) -> None:
    """Check settings, database, keys, files and TikTok's answer; 1 if anything fails."""
    found = list(examination.checks(os.environ, house_or_none()))
    if as_json:
        show_json([asdict(check) for check in found])
    else:
        show_lines(found)
    sys.exit(1 if any(check.verdict == "FAIL" for check in found) else 0)
