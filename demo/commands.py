"""`flask demo`: fills a demo's database with made-up people and empties it; decides nothing."""

import click
from flask.cli import AppGroup

from demo import crowd
from webapp.cli.console import Progress, fail, fail_with, migrated_runtime, show_json
from webapp.services.runtime import Runtime

demo = AppGroup("demo", help="Made-up people for a demo or a load test; only beside a sandbox.")

_json_option = click.option("--json", "as_json", is_flag=True, help="For scripts.")


@demo.command()
@click.option("--people", type=click.IntRange(1, 99_999_999), required=True, help="How many.")
@_json_option
def seed(people: int, as_json: bool) -> None:
    """Add made-up people in every state until there are so many; can be ended and begun again."""
    at = _demo_runtime()
    before = there = crowd.count(at)
    try:
        with Progress("Made up", people) as shown:
            for there in crowd.seed(at, people):
                shown.at(there)
    except crowd.AlreadyRunning:
        fail("Another run adds people at this moment. When it has ended, run this again.")
    if as_json:
        show_json({"added": there - before, "people": there})
    else:
        click.echo(f"{there - before} people added; {there} made-up ones are there")


@demo.command()
@_json_option
def clear(as_json: bool) -> None:
    """Delete the people whom `flask demo seed` added, and nobody else."""
    at = _demo_runtime()
    gone = 0
    with Progress("Deleted", crowd.count(at)) as shown:
        for gone in crowd.clear(at):
            shown.at(gone)
    if as_json:
        show_json({"deleted": gone})
    else:
        click.echo(f"{gone} made-up people deleted")


def _demo_runtime() -> Runtime:
    at = migrated_runtime()
    refused = crowd.refusal(at)
    if refused is not None:
        fail_with("Made-up people belong beside a pretend TikTok only.", refused)
    return at
