"""Entry point of `gunicorn wsgi:app`, of every `flask …` command, and of `python wsgi.py`."""

import atexit
import gc
import os
import sys
from pathlib import Path

# What imports create stays, so looking for garbage among it only makes them a tenth slower.
gc.disable()

import click
from dotenv import load_dotenv
from flask import Flask
from flask.helpers import get_load_dotenv
from gunicorn.errors import AppImportError
from werkzeug.middleware.proxy_fix import ProxyFix

from webapp import cli
from webapp.app import create_app
from webapp.cli.console import problem_text
from webapp.services.maintenance import doctor
from webapp.settings import serving_problems

#: sysexits.h: something is wrong with the configuration.
EX_CONFIG = 78


def make() -> Flask:
    """Return the app for this environment.

    If settings are refused: under `flask`, return an app whose commands say what is missing;
    otherwise exit with 78 and every problem on stderr.
    """
    context = click.get_current_context(silent=True)
    app = _make(context)
    app.cli.add_command(cli.LazyCommand("demo", "Add and delete demo people.", _demo))
    if context is not None and context.parent is None:
        cli.describe(context.command)
    return app


def _demo() -> click.Command:
    from demo.commands import demo

    return demo


def _make(context: click.Context | None) -> Flask:
    settings, problems = doctor.settings_problems(os.environ)
    if context is None:
        problems += serving_problems(os.environ)
    if not problems:
        app = create_app(settings)
        # Never the host: a header could choose it. Only as many proxies as there are.
        if hops := settings.proxy_hops:
            app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0, x_port=0)  # type: ignore[method-assign]  # how Flask documents it
        return app
    if context is not None and context.parent is None:
        return cli.unconfigured_app(problems)
    if context is not None:
        # A command of Flask's own, such as `flask run`, needs the real app.
        raise click.ClickException(problem_text(problems))
    if "gunicorn.arbiter" in sys.modules:
        # A gunicorn worker under another configuration than ours: gunicorn would restart it
        # forever after any exit code but the one that this error gives.
        raise AppImportError(problem_text(problems))
    click.echo(problem_text(problems), err=True)
    sys.exit(EX_CONFIG)


def _use_running_demo() -> None:
    """Under `flask`, with nothing configured: use the settings of the demo that is running."""
    context = click.get_current_context(silent=True)
    if context is None or context.parent is not None or not get_load_dotenv(True):
        return
    from demo import running

    try:
        settings = running.find(Path(__file__).parent, os.environ)
    except running.Several as problem:
        click.echo(problem, err=True)
        return
    if settings is not None:
        logging = {name: value for name, value in os.environ.items() if name.startswith("LOG_")}
        os.environ.update(settings | logging)
        click.echo(f"Using the demo on port {settings['PORT']}.", err=True)


load_dotenv(Path(__file__).with_name(".env"))
if __name__ == "__main__":
    from demo import start

    gc.enable()
    sys.exit(start.main(create_app))
_use_running_demo()
app = make()
# What is there now stays while the process runs, so no later collection looks at it; except for the
# one at the end, which closes the database, so SQLite writes its log into the file and removes it.
gc.freeze()
atexit.register(gc.unfreeze)
gc.enable()
