"""`flask demo`: adds demo people to a database that belongs to a mock TikTok, and deletes them."""

import click
from flask.cli import AppGroup

from demo import crowd
from webapp.cli.console import Progress, fail, fail_with, migrated_runtime, print_json
from webapp.services.runtime import Runtime

demo = AppGroup("demo", help="Add and delete demo people.")

_json = click.option("--json", "as_json", is_flag=True, help="Output JSON.")


@demo.command()
@click.option(
    "--people",
    type=click.IntRange(1, 99_999_999),
    metavar="N",
    required=True,
    help="Number of demo people.",
)
@_json
def seed(people: int, as_json: bool) -> None:
    """Add demo people until there are N.

    They cover every state of a connection. Safe to interrupt and run again.
    """
    runtime = _sandbox_runtime()
    before = there = crowd.count(runtime)
    try:
        with Progress("Added", people) as progress:
            for there in crowd.seed(runtime, people):
                progress.update(there)
    except crowd.AlreadyRunning:
        fail("Another run is adding people right now. Run this again when it has finished.")
    if as_json:
        print_json({"added": there - before, "people": there})
    else:
        click.echo(f"{there - before} demo people added; there are now {there}")


@demo.command()
@_json
def clear(as_json: bool) -> None:
    """Delete the people that `seed` added."""
    runtime = _sandbox_runtime()
    deleted = 0
    with Progress("Deleted", crowd.count(runtime)) as progress:
        for deleted in crowd.clear(runtime):
            progress.update(deleted)
    if as_json:
        print_json({"deleted": deleted})
    else:
        click.echo(f"{deleted} demo people deleted")


def _sandbox_runtime() -> Runtime:
    runtime = migrated_runtime()
    problem = crowd.refusal(runtime)
    if problem is not None:
        fail_with("Demo people can only be used with a mock TikTok.", problem)
    return runtime
