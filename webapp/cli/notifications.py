"""`flask notices`: what is told to NOTIFY_URL, as a list; a trial; another try. Decides nothing."""

from dataclasses import asdict
from datetime import datetime

import click
from flask.cli import with_appcontext

from webapp.cli.console import fail, migrated_runtime, show_json
from webapp.services.notifications import delivery, outbox
from webapp.services.runtime import Runtime


@click.group()
def notices() -> None:
    """What your own service is told of: connections that need their person, alarms."""


@notices.command("list")
@click.option("--json", "as_json", is_flag=True, help="For scripts.")
@click.option("--limit", default=20, type=click.IntRange(1, 1000), help="How many at most.")
@with_appcontext
def show(as_json: bool, limit: int) -> None:
    """List the last notices, those given up first."""
    at = _runtime()
    found = outbox.recent_notifications(at, limit)
    if as_json:
        show_json([{name: _text(each) for name, each in asdict(line).items()} for line in found])
        return
    for line in found:
        tries = f"{line.tries} {'try' if line.tries == 1 else 'tries'}"
        parts = [line.message_id, f"{line.created_at:%Y-%m-%d %H:%M}", line.state.replace("_", " ")]
        click.echo("  ".join([*parts, tries, line.last_answer or "-", line.event]))
    if not found:
        click.echo("Nothing was to be told in the last days.", err=True)


@notices.command()
@with_appcontext
def test() -> None:
    """Send one signed notice `test.ping` now and say what came of it."""
    at = _runtime()
    answer = delivery.send_test(at)
    if not answer.taken:
        fail(f"The receiver did not take it: {answer.word}")
    click.echo(f"The receiver took it: {answer.word}")


@notices.command()
@with_appcontext
def retry() -> None:
    """Have the notices that were given up tried again by the worker, from the start."""
    at = _runtime()
    count = outbox.retry(at.clock())
    click.echo(f"{count} to be tried again" if count else "none was given up")


def _runtime() -> Runtime:
    """Return the runtime, or end the command where nobody is to be told."""
    at = migrated_runtime()
    if not at.settings.notify_url:
        fail("Nobody is told of anything: NOTIFY_URL is not set")
    return at


def _text(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
